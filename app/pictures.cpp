#include "app/pictures.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <initializer_list>
#include <vector>

namespace mlff::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* python = "/usr/bin/python3";

/// plot.py as installed with this program, else the one of the source tree.
std::string plot_script() {
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    const fs::path installed = program.parent_path().parent_path() / "share/mlff/plot.py";
    return fs::exists(installed, ignored) ? installed.string() : MLFF_PLOT_SCRIPT;
}

/// Exit status of a program run with these arguments; 127 if it cannot be run.
int run_program(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    int status = 0;
    posix_spawnattr_t attributes;
    sigset_t ignored;  // signals that we ignore and a child must not (app/interrupt.hpp)
    sigemptyset(&ignored);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1}) sigaddset(&ignored, number);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int error = posix_spawn(&child, arguments[0], nullptr, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) return 127;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 127;
    return WEXITSTATUS(status);
}

}  // namespace

bool draw_picture(const std::string& kind, const std::string& input, const std::string& output,
                  const Console& console) {
    const std::string script = plot_script();
    const int status = run_program({python, script, kind, input, output});
    if (status == 0) {
        console.info(fmt::format("pictures: {0}.png, {0}.svg", output));
        return true;
    }
    const std::string reason = status == 3     ? "matplotlib is not installed for it"
                               : status == 127 ? "it cannot be run"
                                               : fmt::format("it ended with status {}", status);
    console.warn(fmt::format("no pictures from {}: {}; once it works: {} {} {} {} {}", python, reason, python, script,
                             kind, input, output));
    return false;
}

}  // namespace mlff::app
