#include "support/source_dir.hpp"

std::string source_dir() { return MLFF_SOURCE_DIR; }
