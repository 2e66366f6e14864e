#pragma once

namespace mlff::app {

/// What whoever started the program must not decide, and what must not kill it: call it first in main.
/// - SIGCHLD has its default, so that the end of a child is told even if the parent ignores it.
/// - SIGPIPE is ignored: a reader of our output that ends (`mlff run | head`) does not end a run.
/// - SIGXFSZ is ignored: a file that may not grow is an error with the file's name, as a full disk is.
void prepare_signals();
/// From now on Ctrl-C, SIGTERM, SIGUSR1 (a queue's warning) and SIGHUP (a lost terminal; not under nohup) ask the
/// program to finish its step, save and stop, instead of killing it; a second signal kills, except SIGHUP. For the
/// verbs that ask interrupted(): others are best killed at once.
void catch_interrupts();
/// A queue's warning is no reason to end a verb that cannot save: it may be done in time.
void ignore_warnings();
/// Leaves them to rank 0: another rank goes on until it is sent home.
void ignore_interrupts();
[[nodiscard]] bool interrupted();

/// Thrown after everything was saved; exit status 130.
struct Interrupted {};

}  // namespace mlff::app
