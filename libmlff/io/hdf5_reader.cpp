#include "libmlff/io/hdf5_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/hdf5_handle.hpp"

namespace mlff {

using namespace hdf5;

namespace {

std::string shape_text(const std::vector<hsize_t>& shape) {
    std::string text;
    for (const hsize_t n : shape) text += fmt::format("{}{}", text.empty() ? "" : ", ", n);
    return "(" + text + ")";
}

/// Text without the NULs that pad it.
std::string unpadded(const char* text, std::size_t size) {
    while (size > 0 && text[size - 1] == '\0') --size;
    return {text, size};
}

/// A data set or an attribute, with all that reading one has in common.
class Source {
 public:
    Source(const std::string& path, std::string name, Id id, bool is_attribute)
        : path_(path), name_(std::move(name)), id_(std::move(id)), is_attribute_(is_attribute) {
        type_ = Id(is_attribute ? H5Aget_type(id_.get()) : H5Dget_type(id_.get()), H5Tclose);
        space_ = Id(is_attribute ? H5Aget_space(id_.get()) : H5Dget_space(id_.get()), H5Sclose);
        shape_ = shape_of(space_.get());
    }

    [[nodiscard]] const std::vector<hsize_t>& shape() const { return shape_; }
    [[noreturn]] void fail(const std::string& what) const {
        throw InputError(fmt::format("{}: '{}' {}", path_, name_, what));
    }

    void check_rank(std::size_t rank) const {
        if (shape_.size() != rank)
            fail(fmt::format("must have {} dimension{}, got shape {}", rank, rank == 1 ? "" : "s", shape_text(shape_)));
    }
    void check_real() const {
        const H5T_class_t kind = H5Tget_class(type_.get());
        if (kind != H5T_FLOAT && kind != H5T_INTEGER) fail("must hold numbers");
    }

    [[nodiscard]] std::size_t size() const {
        std::size_t n = 1;
        for (const hsize_t extent : shape_) n *= static_cast<std::size_t>(extent);
        return n;
    }

    void read_doubles(double* values) const {
        check_real();
        read(H5T_NATIVE_DOUBLE, values);
    }
    void read_longs(long* values) const {
        if (H5Tget_class(type_.get()) != H5T_INTEGER) fail("must hold whole numbers");
        read(H5T_NATIVE_LONG, values);
    }
    void read_entry(hsize_t k, std::vector<double>& values) const {
        check_real();
        if (shape_.empty() || k >= shape_[0]) fail(fmt::format("has no entry {}", k));
        std::vector<hsize_t> start(shape_.size(), 0), count = shape_;
        start[0] = k;
        count[0] = 1;
        const Id memory = simple_space(count);
        values.resize(static_cast<std::size_t>(H5Sget_simple_extent_npoints(memory.get())));
        H5Sselect_hyperslab(space_.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        if (H5Dread(id_.get(), H5T_NATIVE_DOUBLE, memory.get(), space_.get(), H5P_DEFAULT, values.data()) < 0)
            fail("cannot be read; the file is damaged");
    }
    [[nodiscard]] std::vector<std::string> read_texts() const {
        if (H5Tget_class(type_.get()) != H5T_STRING) fail("must hold text");
        std::vector<std::string> texts;
        if (H5Tis_variable_str(type_.get()) > 0) {  // as h5py writes str
            std::vector<char*> pointers(size(), nullptr);
            Id memory(H5Tcopy(H5T_C_S1), H5Tclose);
            H5Tset_size(memory.get(), H5T_VARIABLE);
            H5Tset_cset(memory.get(), H5Tget_cset(type_.get()));
            read(memory.get(), pointers.data());
            for (const char* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
            H5Dvlen_reclaim(memory.get(), space_.get(), H5P_DEFAULT, pointers.data());
            return texts;
        }
        const std::size_t width = H5Tget_size(type_.get());
        std::vector<char> bytes(size() * width);
        read(type_.get(), bytes.data());
        for (std::size_t k = 0; k < size(); ++k) texts.push_back(unpadded(bytes.data() + k * width, width));
        return texts;
    }

    template <class Matrix>
    void read_matrix(Matrix& matrix) const {
        check_real();
        const auto rows = static_cast<Eigen::Index>(shape_[0]), cols = static_cast<Eigen::Index>(shape_[1]);
        matrix.resize(rows, cols);
        for (const Slab& slab : slabs(rows, cols)) {
            RowMajor values(slab.rows, cols);
            const Id memory = slab.select(space_.get(), cols);
            if (H5Dread(id_.get(), H5T_NATIVE_DOUBLE, memory.get(), space_.get(), H5P_DEFAULT, values.data()) < 0)
                fail("cannot be read; the file is damaged");
            matrix.middleRows(slab.first, slab.rows) = values;
        }
    }

 private:
    void read(hid_t memory_type, void* values) const {
        if (size() == 0) return;
        const herr_t status = is_attribute_ ? H5Aread(id_.get(), memory_type, values)
                                            : H5Dread(id_.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        if (status < 0) fail("cannot be read; the file is damaged");
    }

    const std::string& path_;
    std::string name_;
    Id id_, type_, space_;
    bool is_attribute_;
    std::vector<hsize_t> shape_;
};

int to_int(const Source& source, long value) {
    if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())
        source.fail(fmt::format("holds {}, which is out of range", value));
    return static_cast<int>(value);
}

}  // namespace

struct Hdf5Reader::File {
    explicit File(const std::string& name) : path(name) {
        const QuietErrors quiet;
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) throw InputError(path + ": no such file; check the path");
        id = Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
        if (!id)  // a file that grows, or that its writer could not close
            id = Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, H5P_DEFAULT), H5Fclose);
        if (!id) throw InputError(path + ": is not an HDF5 file, or is damaged; a complete file is needed");
    }
    File(const std::string& image, const std::string& name) : path(name) {
        const QuietErrors quiet;
        const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
        H5Pset_fapl_core(access.get(), memory_increment, false);
        H5Pset_file_image(access.get(), const_cast<char*>(image.data()), image.size());  // it is copied
        id = Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
        if (!id) throw std::runtime_error(path + ": the image of an HDF5 file is damaged");
    }

    [[noreturn]] void fail_missing(const std::string& what) const {
        throw InputError(fmt::format("{}: {} is missing; a complete file of this version is needed", path, what));
    }

    [[nodiscard]] Source data(const std::string& name) const {
        Id found;
        if (exists(id.get(), name)) found = Id(H5Dopen2(id.get(), name.c_str(), H5P_DEFAULT), H5Dclose);
        if (!found) fail_missing(fmt::format("data set '{}'", name));
        return {path, name, std::move(found), false};
    }
    [[nodiscard]] Source data(const std::string& name, std::size_t rank) const {
        Source source = data(name);
        source.check_rank(rank);
        return source;
    }
    [[nodiscard]] Source attribute(const std::string& object, const std::string& name) const {
        Source source = any_attribute(object, name);
        source.check_rank(0);
        return source;
    }
    [[nodiscard]] Source any_attribute(const std::string& object, const std::string& name) const {
        Id found;
        if (exists(id.get(), object))
            found = Id(H5Aopen_by_name(id.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
        if (!found) fail_missing(fmt::format("attribute '{}' of '{}'", name, object));
        return {path, object + "@" + name, std::move(found), true};
    }

    std::string path;
    Id id;
    std::map<std::string, Source> series;  ///< that are read entry by entry: kept open
};

Hdf5Reader::Hdf5Reader(const std::string& path) : file_(std::make_unique<File>(path)) {}
Hdf5Reader::Hdf5Reader(std::unique_ptr<File> file) : file_(std::move(file)) {}
Hdf5Reader Hdf5Reader::from_image(const std::string& image, const std::string& name) {
    return Hdf5Reader(std::make_unique<File>(image, name));
}
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;
Hdf5Reader& Hdf5Reader::operator=(Hdf5Reader&&) noexcept = default;
Hdf5Reader::~Hdf5Reader() = default;

const std::string& Hdf5Reader::path() const { return file_->path; }

bool Hdf5Reader::has(const std::string& name) const {
    const QuietErrors quiet;
    return exists(file_->id.get(), name);
}

std::vector<std::string> Hdf5Reader::list(const std::string& group) const {
    const QuietErrors quiet;
    Id found;
    if (exists(file_->id.get(), group)) found = Id(H5Gopen2(file_->id.get(), group.c_str(), H5P_DEFAULT), H5Gclose);
    if (!found) file_->fail_missing(fmt::format("group '{}'", group));
    H5G_info_t info;
    if (H5Gget_info(found.get(), &info) < 0) file_->fail_missing(fmt::format("group '{}'", group));
    std::vector<std::string> names;
    for (hsize_t k = 0; k < info.nlinks; ++k) {
        const auto name = [&](char* buffer, std::size_t size) {
            return H5Lget_name_by_idx(found.get(), ".", H5_INDEX_NAME, H5_ITER_INC, k, buffer, size, H5P_DEFAULT);
        };
        std::string text(static_cast<std::size_t>(std::max<ssize_t>(name(nullptr, 0), 0)), '\0');
        name(text.data(), text.size() + 1);
        names.push_back(std::move(text));
    }
    return names;
}

std::vector<std::int64_t> Hdf5Reader::shape(const std::string& name) const {
    const QuietErrors quiet;
    const std::vector<hsize_t> shape = file_->data(name).shape();
    return {shape.begin(), shape.end()};
}

void Hdf5Reader::read(const std::string& name, double& value) const {
    const QuietErrors quiet;
    file_->data(name, 0).read_doubles(&value);
}

void Hdf5Reader::read(const std::string& name, int& value) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 0);
    long whole = 0;
    source.read_longs(&whole);
    value = to_int(source, whole);
}

void Hdf5Reader::read(const std::string& name, long& value) const {
    const QuietErrors quiet;
    file_->data(name, 0).read_longs(&value);
}

void Hdf5Reader::read(const std::string& name, std::string& text) const {
    const QuietErrors quiet;
    text = file_->data(name, 0).read_texts().front();
}

void Hdf5Reader::read(const std::string& name, std::vector<double>& values) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 1);
    values.resize(source.size());
    source.read_doubles(values.data());
}

void Hdf5Reader::read(const std::string& name, std::vector<int>& values) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 1);
    std::vector<long> whole(source.size());
    source.read_longs(whole.data());
    values.clear();
    for (const long value : whole) values.push_back(to_int(source, value));
}

void Hdf5Reader::read(const std::string& name, std::vector<long>& values) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 1);
    values.resize(source.size());
    source.read_longs(values.data());
}

void Hdf5Reader::read(const std::string& name, std::vector<std::string>& values) const {
    const QuietErrors quiet;
    values = file_->data(name, 1).read_texts();
}

void Hdf5Reader::read(const std::string& name, Eigen::VectorXd& values) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 1);
    values.resize(static_cast<Eigen::Index>(source.size()));
    source.read_doubles(values.data());
}

void Hdf5Reader::read(const std::string& name, Eigen::MatrixXd& values) const {
    const QuietErrors quiet;
    file_->data(name, 2).read_matrix(values);
}

void Hdf5Reader::read(const std::string& name, Eigen::Matrix3Xd& values) const {
    const QuietErrors quiet;
    const Source source = file_->data(name, 2);
    if (source.shape()[0] != 3) source.fail("must have shape (3, n), got " + shape_text(source.shape()));
    source.read_matrix(values);
}

void Hdf5Reader::read_entry(const std::string& name, std::int64_t k, std::vector<double>& values) const {
    const QuietErrors quiet;
    auto found = file_->series.find(name);
    if (found == file_->series.end()) found = file_->series.emplace(name, file_->data(name)).first;
    found->second.read_entry(static_cast<hsize_t>(k), values);
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
    const QuietErrors quiet;
    return exists(file_->id.get(), object) &&
           H5Aexists_by_name(file_->id.get(), object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

void Hdf5Reader::attribute(const std::string& object, const std::string& name, double& value) const {
    const QuietErrors quiet;
    file_->attribute(object, name).read_doubles(&value);
}

void Hdf5Reader::attribute(const std::string& object, const std::string& name, int& value) const {
    const QuietErrors quiet;
    const Source source = file_->attribute(object, name);
    long whole = 0;
    source.read_longs(&whole);
    value = to_int(source, whole);
}

void Hdf5Reader::attribute(const std::string& object, const std::string& name, long& value) const {
    const QuietErrors quiet;
    file_->attribute(object, name).read_longs(&value);
}

void Hdf5Reader::attribute(const std::string& object, const std::string& name, std::string& text) const {
    const QuietErrors quiet;
    text = file_->attribute(object, name).read_texts().front();
}

void Hdf5Reader::attribute(const std::string& object, const std::string& name, std::vector<std::string>& texts) const {
    const QuietErrors quiet;
    texts = file_->any_attribute(object, name).read_texts();
}

}  // namespace mlff
