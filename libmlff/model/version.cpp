#include "libmlff/model/version.hpp"

namespace mlff {

const char* const version = MLFF_VERSION;

}  // namespace mlff
