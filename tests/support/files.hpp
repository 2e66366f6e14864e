#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "support/source_dir.hpp"

namespace mlff::testing {

/// A directory for one test, removed at the end of its life.
class TemporaryDirectory {
 public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "mlff-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        path_ = name;
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
        std::ofstream(file(name), std::ios::binary) << content;
        return file(name);
    }
    [[nodiscard]] std::size_t n_files() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
    }

 private:
    std::filesystem::path path_;
};

inline std::string content_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A file of the reference data next to the repository (README); "" if it is missing.
inline std::string shared_data(const std::string& name) {
    const char* root = std::getenv("MLFF_SHARED");
    const std::filesystem::path base = root != nullptr ? root : source_dir() + "/../shared";
    const std::filesystem::path path = base / "data" / name;
    return std::filesystem::exists(path) ? path.lexically_normal().string() : "";
}

/// Message of the Error that `action` throws; "no error" if it throws none.
template <class Error, class Action>
std::string error_of(const Action& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

/// True if python3 can import the module, for an independent comparison.
inline bool python_has(const std::string& module) {
    return std::system(("/usr/bin/python3 -c 'import " + module + "' 2>/dev/null").c_str()) == 0;
}

/// Runs a python program with file names as arguments; fails with the program's standard error if the program fails.
inline ::testing::AssertionResult python(const TemporaryDirectory& folder, const std::string& program,
                                         const std::string& arguments) {
    const std::string script = folder.file("program.py", program), log = folder.file("program.log");
    const std::string command = "/usr/bin/python3 " + script + " " + arguments + " > " + log + " 2>&1";
    if (std::system(command.c_str()) != 0) return ::testing::AssertionFailure() << content_of(log);
    return ::testing::AssertionSuccess();
}

}  // namespace mlff::testing
