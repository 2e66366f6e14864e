#pragma once

namespace mlff::app {

/// Signal settings that must not depend on the parent process or kill the program: call it first in main.
/// - SIGCHLD has its default, so that the end of a child is reported even if our parent ignores the signal.
/// - SIGPIPE is ignored: a run continues when a reader of its output ends (`mlff run | head`).
/// - SIGXFSZ is ignored: a file at its size limit is an error with the file's name, like a full disk.
void prepare_signals();
/// From now on Ctrl-C, SIGTERM, SIGUSR1 (a queue's warning) and SIGHUP (a lost terminal; not under nohup) ask the
/// program to finish its step, save and stop, instead of killing it; a second signal kills, except SIGHUP. For verbs
/// that call interrupted(); others should be killed at once.
void catch_interrupts();
/// A queue's warning does not end a verb that cannot save: it may finish in time.
void ignore_warnings();
/// For other ranks: rank 0 handles the signals and tells them to leave serve().
void ignore_interrupts();
[[nodiscard]] bool interrupted();

/// Thrown after everything was saved; exit status 130.
struct Interrupted {};

}  // namespace mlff::app
