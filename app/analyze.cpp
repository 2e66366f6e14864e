#include "app/verbs.hpp"
namespace mlff::app { void analyze(const std::string&, const Console&) {} }
