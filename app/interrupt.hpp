#pragma once

namespace mlff::app {

/// From now on Ctrl-C and SIGTERM ask the program to finish its step, save and stop, instead of killing it. A second
/// signal kills.
void catch_interrupts();
[[nodiscard]] bool interrupted();

/// Thrown after everything was saved; exit status 130.
struct Interrupted {};

}  // namespace mlff::app
