#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Thin layer over HDF5 for model files; the library's own header stays behind it.
/// Names are paths, "descriptor/radial/table"; groups come into being as needed. A matrix of r rows and c columns is a
/// data set of shape (r, c), so that h5py shows M[i, j] as C++ does: columns of atoms stay columns, 3 × N is (3, N).
/// Doubles are kept bit for bit; whole numbers are 64 bits; text is UTF-8 of fixed length.
/// HDF5 is not thread safe here: one thread at a time.
namespace mlff {

/// Writes a file as a whole (FileReplacement): it takes its name in `commit()`; without that nothing is left of it and
/// an older file stays untouched. Until then it grows in memory. Equal content gives equal bytes: times are not
/// recorded.
/// @throws std::runtime_error naming the file if the system refuses; std::invalid_argument if a name is used twice
class Hdf5Writer {
 public:
    explicit Hdf5Writer(const std::string& path);
    Hdf5Writer();  ///< of bytes that never touch the disk: image() in place of commit()
    Hdf5Writer(const Hdf5Writer&) = delete;
    Hdf5Writer& operator=(const Hdf5Writer&) = delete;
    ~Hdf5Writer();

    void write(const std::string& name, double value);
    void write(const std::string& name, int value);
    void write(const std::string& name, long value);
    void write(const std::string& name, std::string_view text);  ///< without NUL characters
    void write(const std::string& name, const std::vector<double>& values);
    void write(const std::string& name, const std::vector<int>& values);
    void write(const std::string& name, const std::vector<long>& values);
    void write(const std::string& name, const std::vector<std::string>& values);
    /// A vector has shape (n), a matrix (rows, cols).
    template <class Derived>
    void write(const std::string& name, const Eigen::DenseBase<Derived>& values) {
        // A view copies only what is not stored by columns already.
        if constexpr (Derived::RowsAtCompileTime == 1) {
            const Eigen::Ref<const Eigen::VectorXd> view(values.derived().transpose());
            write_vector(name, view.data(), view.size());
        } else if constexpr (Derived::ColsAtCompileTime == 1) {
            const Eigen::Ref<const Eigen::VectorXd> view(values.derived());
            write_vector(name, view.data(), view.size());
        } else {
            const Eigen::Ref<const Eigen::MatrixXd> view(values.derived());
            write_matrix(name, view.data(), view.rows(), view.cols(), view.outerStride());
        }
    }

    /// Attribute of a data set or a group (which is made if absent; "/" is the file itself): units, shape, meaning.
    void attribute(const std::string& object, const std::string& name, double value);
    void attribute(const std::string& object, const std::string& name, int value);
    void attribute(const std::string& object, const std::string& name, long value);
    void attribute(const std::string& object, const std::string& name, std::string_view text);

    /// Closes the file, waits for the disk and gives the file its name; nothing can be written afterwards.
    void commit();
    [[nodiscard]] std::string image();  ///< all bytes of the file; nothing can be written afterwards

 private:
    struct File;
    void write_vector(const std::string& name, const double* values, Eigen::Index size);
    void write_matrix(const std::string& name, const double* column_major, Eigen::Index rows, Eigen::Index cols,
                      Eigen::Index outer_stride);

    std::unique_ptr<File> file_;
};

/// Reads what Hdf5Writer, Hdf5Appender or h5py has written, also a file that an Hdf5Appender is writing, or was writing
/// when it was killed. Whole numbers may be read as doubles, not the other way.
/// @throws InputError `file: what; what would be right` if the file is missing or not HDF5, or a data set or attribute
///         is missing or has another type or shape
class Hdf5Reader {
 public:
    explicit Hdf5Reader(const std::string& path);
    /// From the bytes of Hdf5Writer::image; `name` stands for the path in messages.
    [[nodiscard]] static Hdf5Reader from_image(const std::string& image, const std::string& name);
    Hdf5Reader(Hdf5Reader&&) noexcept;
    Hdf5Reader& operator=(Hdf5Reader&&) noexcept;
    ~Hdf5Reader();

    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] bool has(const std::string& name) const;                              ///< data set or group
    [[nodiscard]] std::vector<std::string> list(const std::string& group = "/") const;  ///< members, by name
    [[nodiscard]] std::vector<std::int64_t> shape(const std::string& name) const;       ///< empty for a scalar

    void read(const std::string& name, double& value) const;
    void read(const std::string& name, int& value) const;
    void read(const std::string& name, long& value) const;
    void read(const std::string& name, std::string& text) const;
    void read(const std::string& name, std::vector<double>& values) const;
    void read(const std::string& name, std::vector<int>& values) const;
    void read(const std::string& name, std::vector<long>& values) const;
    void read(const std::string& name, std::vector<std::string>& values) const;
    void read(const std::string& name, Eigen::VectorXd& values) const;
    void read(const std::string& name, Eigen::MatrixXd& values) const;
    void read(const std::string& name, Eigen::Matrix3Xd& values) const;
    /// auto table = file.read<Eigen::MatrixXd>("descriptor/table")
    template <class T>
    [[nodiscard]] T read(const std::string& name) const {
        T value;
        read(name, value);
        return value;
    }

    /// Entry k of the first dimension, row-major: of a data set of shape (n, 3, 3) nine numbers.
    void read_entry(const std::string& name, std::int64_t k, std::vector<double>& values) const;

    [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
    void attribute(const std::string& object, const std::string& name, double& value) const;
    void attribute(const std::string& object, const std::string& name, int& value) const;
    void attribute(const std::string& object, const std::string& name, long& value) const;
    void attribute(const std::string& object, const std::string& name, std::string& text) const;
    /// One text, or a list of them.
    void attribute(const std::string& object, const std::string& name, std::vector<std::string>& texts) const;

 private:
    struct File;
    explicit Hdf5Reader(std::unique_ptr<File> file);
    std::unique_ptr<File> file_;
};

}  // namespace mlff
