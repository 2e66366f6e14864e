#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/python_module.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;

/// Sets a variable of the environment to the first of these files that exists, unless the user has set it.
void set_to_first(const char* name, const std::vector<fs::path>& places) {
    std::error_code ignored;
    for (const fs::path& place : places) {
        if (!fs::exists(place, ignored)) continue;
        setenv(name, place.c_str(), 0);
        return;
    }
}

}  // namespace

void become_python_module(const std::string& name, const std::vector<std::string>& arguments) {
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    const fs::path prefix = program.parent_path().parent_path();
    set_to_first("MLFF_PROGRAM", {program});
    set_to_first("MLFF_LIBRARY", {prefix / "interfaces/libmlff.so", prefix / "lib/libmlff.so"});
    for (const fs::path& package : {prefix / "share/mlff/python", fs::path(MLFF_PYTHON_PACKAGE)}) {
        if (!fs::exists(package, ignored)) continue;
        const char* before = std::getenv("PYTHONPATH");
        const std::string path = before != nullptr ? fmt::format("{}:{}", package.string(), before) : package.string();
        setenv("PYTHONPATH", path.c_str(), 1);
        break;
    }
    std::vector<std::string> words = {"python3", "-m", name};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::fflush(nullptr);
    execvp(pointers[0], pointers.data());  // its exit status is ours
    throw std::runtime_error(fmt::format("{} needs python3 on the search path ({})", name, std::strerror(errno)));
}

}  // namespace mlff::app
