#include "libmlff/io/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

constexpr std::size_t buffer_size = 1 << 16;  ///< bytes kept back before the system is called

[[noreturn]] void fail(const std::string& path, const char* what) {
    const int code = errno;
    throw std::runtime_error(fmt::format("{}: {} ({})", path, what, std::strerror(code)));
}

/// Waits until the disk has what was written. What cannot wait (a terminal, a pipe) has nothing to wait for.
void sync_descriptor(int descriptor, const std::string& path) {
    if (::fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) fail(path, "cannot sync");
}

void sync_path(const std::string& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0) fail(path, "cannot sync");
    try {
        sync_descriptor(descriptor, path);
    } catch (...) {
        ::close(descriptor);
        throw;
    }
    ::close(descriptor);
}

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t n_letters = 6;  ///< of a temporary's own name
constexpr std::string_view ending = ".tmp";

/// A new, empty file beside the target; nobody else has the name.
std::string make_temporary(const std::string& target) {
    std::random_device random;
    std::uniform_int_distribution<std::size_t> choice(0, letters.size() - 1);
    for (;;) {
        std::string path = target + ".";
        for (std::size_t k = 0; k < n_letters; ++k) path += letters[choice(random)];
        path += ending;
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (descriptor >= 0) {
            ::close(descriptor);
            return path;
        }
        if (errno != EEXIST) fail(target, "cannot be opened for writing");
    }
}

/// Removes temporaries of the target that nobody has written to for an hour: their process was killed.
void remove_leftovers(const std::string& target) {
    namespace fs = std::filesystem;
    const fs::path path(target);
    const std::string beginning = path.filename().string() + ".";
    const std::size_t length = beginning.size() + n_letters + ending.size();
    std::error_code error;
    for (fs::directory_iterator entry(path.has_parent_path() ? path.parent_path() : ".", error), end;
         !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.size() != length || !name.starts_with(beginning) || !name.ends_with(ending)) continue;
        struct stat status = {};
        if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        if (std::time(nullptr) - status.st_mtime > 3600) ::unlink(entry->path().c_str());
    }
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail(path_, "cannot be opened for writing");
    struct stat status = {};
    if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) written_ = status.st_size;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      buffer_(std::move(other.buffer_)),
      written_(other.written_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
    if (this == &other) return *this;
    close();
    path_ = std::move(other.path_);
    buffer_ = std::move(other.buffer_);
    written_ = other.written_;
    descriptor_ = std::exchange(other.descriptor_, -1);
    return *this;
}

OutputFile::~OutputFile() { close(); }

void OutputFile::close() noexcept {
    if (descriptor_ < 0) return;
    try {
        flush();
    } catch (const std::exception&) {  // a destructor has nobody to tell
    }
    ::close(descriptor_);
    descriptor_ = -1;
}

void OutputFile::write(std::string_view text) {
    if (buffer_.size() + text.size() < buffer_size) {
        buffer_ += text;
        return;
    }
    flush();
    send(text);
}

void OutputFile::flush() {
    // Whether it arrives or not: a second attempt could write a part twice.
    const std::string text = std::exchange(buffer_, {});
    send(text);
}

void OutputFile::send(std::string_view text) {
    while (!text.empty()) {
        const ::ssize_t count = ::write(descriptor_, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail(path_, "cannot be written");
        written_ += count;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

void OutputFile::sync() {
    flush();
    sync_descriptor(descriptor_, path_);
}

std::int64_t OutputFile::position() const { return written_ + static_cast<std::int64_t>(buffer_.size()); }

void OutputFile::truncate(std::int64_t position) {
    if (position < 0) throw std::invalid_argument("a position in a file must not be negative");
    flush();
    if (position > written_)
        throw InputError(fmt::format("{}: holds {} bytes, but {} were recorded; the file of the recorded run is needed",
                                     path_, written_, position));
    if (::ftruncate(descriptor_, position) != 0) fail(path_, "cannot be cut back");
    written_ = position;
}

void OutputFile::require_in_place() const {
    mlff::require_in_place(descriptor_, path_);
    struct stat status = {};
    if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) && status.st_size < written_)
        throw std::runtime_error(fmt::format("{}: another program has cut it while it was written", path_));
}

void require_in_place(int descriptor, const std::string& path) {
    struct stat open = {}, named = {};
    if (::fstat(descriptor, &open) != 0 || !S_ISREG(open.st_mode)) return;
    if (::stat(path.c_str(), &named) != 0 || named.st_ino != open.st_ino || named.st_dev != open.st_dev)
        throw std::runtime_error(
            fmt::format("{}: the file was removed or replaced while it was written; what it held is lost", path));
}

FileReplacement::FileReplacement(const std::string& target) : target_(target) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::file_type kind = fs::status(target, ignored).type();
    if (kind == fs::file_type::directory)
        throw std::runtime_error(target + ": is a directory; the name of a file is needed");
    if (kind == fs::file_type::not_found || kind == fs::file_type::regular || kind == fs::file_type::none) {
        if (fs::is_symlink(target, ignored))
            if (const fs::path real = fs::weakly_canonical(target, ignored); !ignored) target_ = real.string();
        remove_leftovers(target_);
        temporary_ = make_temporary(target_);
    } else {
        temporary_ = target_;
        pending_ = false;
    }
}

FileReplacement::~FileReplacement() {
    if (pending_) std::remove(temporary_.c_str());
}

void FileReplacement::commit() {
    if (!pending_) return;
    sync_path(temporary_, O_RDONLY);
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, "cannot be replaced");
    pending_ = false;
    const std::string folder = std::filesystem::path(target_).parent_path().string();
    sync_path(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
}

void write_file_atomically(const std::string& path, std::string_view text) {
    FileReplacement replacement(path);
    {
        OutputFile file(replacement.temporary());
        file.write(text);
        file.flush();
    }
    replacement.commit();
}

}  // namespace mlff
