#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlff {

/// Reads what Hdf5Writer (whose file tells the conventions), Hdf5Appender or h5py has written, also a file that an
/// Hdf5Appender is writing, or was writing when it was killed. Whole numbers may be read as doubles, not the other way.
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
