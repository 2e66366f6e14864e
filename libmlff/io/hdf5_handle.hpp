#pragma once

#include <hdf5.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

/// What the sources that call HDF5 have in common. Private to libmlff/io: it shows the library's own header.
namespace mlff::hdf5 {

/// Owner of an HDF5 identifier, with the function that closes it.
class Id {
 public:
    Id() = default;
    Id(hid_t id, herr_t (*closer)(hid_t)) : id_(id), close_(closer) {}
    Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Id& operator=(Id&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Id() { close(); }
    bool close() {
        const hid_t id = std::exchange(id_, -1);
        return id < 0 || close_(id) >= 0;
    }
    [[nodiscard]] hid_t get() const { return id_; }
    [[nodiscard]] explicit operator bool() const { return id_ >= 0; }

 private:
    hid_t id_ = -1;
    herr_t (*close_)(hid_t) = nullptr;
};

/// HDF5 prints its error stack unless told not to; what goes wrong is reported by exceptions here. The setting of a
/// host program that uses HDF5 itself comes back at the end of the scope.
class QuietErrors {
 public:
    QuietErrors() {
        H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;
    ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

 private:
    H5E_auto2_t function_ = nullptr;
    void* data_ = nullptr;
};

inline Id scalar_space() { return {H5Screate(H5S_SCALAR), H5Sclose}; }

inline Id simple_space(const std::vector<hsize_t>& shape) {
    return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
}

/// Text of `size` bytes, padded with NUL.
inline Id text_type(std::size_t size) {
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), std::max<std::size_t>(size, 1));
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

/// Times of creation would make equal content differ.
inline Id untimed(hid_t property_class) {
    Id properties(H5Pcreate(property_class), H5Pclose);
    H5Pset_obj_track_times(properties.get(), false);
    return properties;
}

inline std::vector<hsize_t> shape_of(hid_t space) {
    std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
    if (!shape.empty()) H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    return shape;
}

/// True if the file has a data set or group of that path.
inline bool exists(hid_t file, const std::string& name) {
    if (name == "/") return true;
    // Every step must be asked for: HDF5 takes a missing one in the middle for an error.
    for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1))
        if (H5Lexists(file, name.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
    return H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0;
}

constexpr std::size_t memory_increment = 1 << 20;  ///< by which a file grows in memory [bytes]

constexpr Eigen::Index slab_doubles = 1 << 20;  ///< a matrix passes through a row-major buffer of this size

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Rows of a matrix that pass between Eigen's columns and the file's rows in one go.
struct Slab {
    Eigen::Index first, rows;

    /// Selects the slab in the file; the shape of its memory.
    [[nodiscard]] Id select(hid_t file_space, Eigen::Index cols) const {
        const std::array<hsize_t, 2> start = {static_cast<hsize_t>(first), 0};
        const std::array<hsize_t, 2> count = {static_cast<hsize_t>(rows), static_cast<hsize_t>(cols)};
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        return simple_space({count[0], count[1]});
    }
};

inline std::vector<Slab> slabs(Eigen::Index rows, Eigen::Index cols) {
    std::vector<Slab> all;
    const Eigen::Index height = std::max<Eigen::Index>(1, slab_doubles / std::max<Eigen::Index>(cols, 1));
    for (Eigen::Index first = 0; first < rows && cols > 0; first += height)
        all.push_back({first, std::min(height, rows - first)});
    return all;
}

}  // namespace mlff::hdf5
