#pragma once

namespace mlff::app {

/// From now on Ctrl-C, SIGTERM and SIGUSR1 (a queue's warning) ask the program to finish its step, save and stop,
/// instead of killing it; a second signal kills. For the verbs that ask interrupted(): others are best killed at once.
void catch_interrupts();
/// A queue's warning is no reason to end a verb that cannot save: it may be done in time.
void ignore_warnings();
/// Leaves them to rank 0: another rank goes on until it is sent home.
void ignore_interrupts();
[[nodiscard]] bool interrupted();

/// Thrown after everything was saved; exit status 130.
struct Interrupted {};

}  // namespace mlff::app
