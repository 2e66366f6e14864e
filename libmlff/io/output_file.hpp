#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mlff {

/// Text output that only grows (log, journal, trajectory), and that a resumed run can cut back to where its last
/// checkpoint stood. Text is buffered; `flush` hands it to the system, `sync` to the disk. The destructor flushes, but
/// cannot report a failure: flush before the result counts.
/// @throws std::runtime_error from every member if the system refuses (disk full, no permission); the message names
///         the file
class OutputFile {
 public:
    /// Opens for appending, creates the file if there is none.
    explicit OutputFile(std::string path);
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&& other) noexcept;
    ~OutputFile();

    void write(std::string_view text);
    void flush();
    void sync();

    /// Bytes in the file, text still in the buffer included.
    [[nodiscard]] std::int64_t position() const;
    /// Cuts the file to its first `position` bytes.
    /// @throws InputError if the file is shorter: it is not the file that the position was noted for
    void truncate(std::int64_t position);
    /// @throws std::runtime_error if the name stands for another file now, or for none: it was removed or replaced
    ///         while it was written, or cut
    void require_in_place() const;

    [[nodiscard]] const std::string& path() const { return path_; }

 private:
    void close() noexcept;
    void send(std::string_view text);

    std::string path_;
    std::string buffer_;
    std::int64_t written_ = 0;  ///< bytes handed to the system
    int descriptor_ = -1;
};

/// @throws std::runtime_error if `path` does not name the ordinary file that is open as `descriptor`
void require_in_place(int descriptor, const std::string& path);

/// Replaces a file as a whole: what is written to `temporary()`, in the same directory, takes the name of the target
/// in `commit()`. A reader, and a machine that loses power, sees the old file or the new one, never a part. Without
/// commit the temporary is removed and the old file stays as it was.
/// The temporary is a new file with a name of its own (TARGET.XXXXXX.tmp), so that two processes that replace the same
/// target do not mix, and a link that somebody has put there is not followed. What a killed process has left is removed
/// by a later replacement of the same target, once it is an hour old.
/// A target that is a link is followed; one that is no ordinary file (a terminal, a pipe) is written to directly.
class FileReplacement {
 public:
    /// @throws std::runtime_error if the target is a directory, or its folder takes no new file
    explicit FileReplacement(const std::string& target);
    FileReplacement(const FileReplacement&) = delete;
    FileReplacement& operator=(const FileReplacement&) = delete;
    ~FileReplacement();

    [[nodiscard]] const std::string& temporary() const { return temporary_; }  ///< the path to write to
    /// Waits for the disk, renames, waits for the directory. @throws std::runtime_error naming the file
    void commit();

 private:
    std::string target_, temporary_;
    bool pending_ = true;
};

/// Writes a small file (status, summary) through FileReplacement.
/// @throws std::runtime_error naming the file
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace mlff
