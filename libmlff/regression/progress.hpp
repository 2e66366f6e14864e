#pragma once

#include <functional>
#include <string>

namespace mlff {

/// Told (done, total, what) now and then during long work.
using Progress = std::function<void(long done, long total, const std::string& what)>;
inline void no_progress(long /*done*/, long /*total*/, const std::string& /*what*/) {}

}  // namespace mlff
