#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlff {

/// An HDF5 file with data sets that grow along their first dimension, entry by entry, and that survives its writer:
/// HDF5 orders what reaches the file so that it can be read at any moment, while it grows and after its writer was
/// killed (single writer, multiple readers: SWMR). Then it must be opened so, as Hdf5Reader does, in h5py with
/// swmr=True; a file that was closed is like any other.
///
/// First the layout: attributes, data sets that stay, series. The first `append` completes it; a new file takes its
/// name with the `flush` after that, so that there is never one without its layout. All doubles are kept bit for bit,
/// whole numbers have 64 bits. On a full disk the file stays as it is. HDF5 is not thread safe here: one thread at a
/// time.
/// @throws std::runtime_error naming the file if the system refuses; std::invalid_argument if a name is used twice or
///         the layout is changed after the first append
class Hdf5Appender {
 public:
    enum class Kind { real, whole };

    /// A new file in place of what is there, or one that was closed, to go on with.
    static Hdf5Appender create(const std::string& path);
    static Hdf5Appender open(const std::string& path);
    Hdf5Appender(Hdf5Appender&&) noexcept;
    Hdf5Appender& operator=(Hdf5Appender&&) noexcept;
    ~Hdf5Appender();

    /// Of a data set or a group, which is made if absent.
    void attribute(const std::string& object, const std::string& name, std::span<const long> values);
    void attribute(const std::string& object, const std::string& name, long value);
    void attribute(const std::string& object, const std::string& name, const std::string& text);
    void attribute(const std::string& object, const std::string& name, const std::vector<std::string>& texts);
    void fixed(const std::string& name, const std::vector<long>& values);
    /// A data set of shape (0, shape…) that grows. Entries that are not written yet read as −1 if they are whole
    /// numbers, else as 0.
    void series(const std::string& name, const std::vector<std::int64_t>& shape, Kind kind);
    /// Another name for a data set.
    void link(const std::string& name, const std::string& existing);

    /// Entries of a series.
    [[nodiscard]] std::int64_t length(const std::string& name) const;
    /// One more entry, row-major.
    void append(const std::string& name, std::span<const double> values);
    void append(const std::string& name, std::span<const long> values);
    /// Hands everything to the system: what was appended before is in the file before anything appended later.
    void flush();
    void sync();  ///< waits until the disk has it
    /// @throws std::runtime_error if the file was removed or replaced since it took its name
    void require_in_place() const;

 private:
    struct File;
    explicit Hdf5Appender(std::unique_ptr<File> file);
    std::unique_ptr<File> file_;
};

}  // namespace mlff
