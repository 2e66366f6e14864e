#pragma once

#include <Eigen/Core>
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

}  // namespace mlff
