#include "libmlff/io/hdf5_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "libmlff/io/hdf5_handle.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff {

using namespace hdf5;

struct Hdf5Writer::File {
    explicit File(const std::string& target) : path(target), replacement(std::in_place, target) {
        output.emplace(replacement->temporary());
        open();
    }
    File() : path("memory") { open(); }

    void open() {
        const QuietErrors quiet;
        // The file grows in memory and goes to the disk as one piece: HDF5 does not survive a full disk (it tries
        // again when the program ends, and crashes).
        const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
        H5Pset_fapl_core(access.get(), memory_increment, false);
        const Id creation = untimed(H5P_FILE_CREATE);
        id = Id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
        if (!id) fail("cannot be created");
    }

    [[noreturn]] void fail(const std::string& what) const { throw std::runtime_error(path + ": " + what); }
    void check(bool good, const std::string& name) const {
        if (!good) fail(fmt::format("'{}' cannot be written; is there enough memory?", name));
    }
    void check_open() const {
        if (!id) throw std::invalid_argument(path + ": nothing can be written after commit()");
    }
    /// Makes the groups on the way to `name`: those that the library makes unasked may carry times.
    void make_groups(const std::string& name) {
        const Id creation = untimed(H5P_GROUP_CREATE);
        for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1)) {
            const std::string group = name.substr(0, slash);
            if (exists(id.get(), group)) continue;
            const Id made(H5Gcreate2(id.get(), group.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose);
            check(static_cast<bool>(made), group);
        }
    }

    Id create(const std::string& name, hid_t type, hid_t space) {
        check_open();
        if (name.empty() || exists(id.get(), name))
            throw std::invalid_argument(fmt::format("{}: the name '{}' is empty or used twice", path, name));
        make_groups(name);
        const Id creation = untimed(H5P_DATASET_CREATE);
        Id data(H5Dcreate2(id.get(), name.c_str(), type, space, H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Dclose);
        check(static_cast<bool>(data), name);
        return data;
    }

    void write(const std::string& name, hid_t file_type, hid_t memory_type, const Id& space, const void* values) {
        const QuietErrors quiet;
        const Id data = create(name, file_type, space.get());
        if (H5Sget_simple_extent_npoints(space.get()) == 0) return;
        check(H5Dwrite(data.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, name);
    }

    /// The whole file where HDF5 holds it; valid until it is closed.
    std::string_view bytes() const {
        const QuietErrors quiet;
        check_open();
        void** memory = nullptr;
        const bool flushed = H5Fflush(id.get(), H5F_SCOPE_GLOBAL) >= 0;
        const ssize_t size = H5Fget_file_image(id.get(), nullptr, 0);
        // The handle of a file in memory is the address of the pointer to its first byte.
        const bool found = H5Fget_vfd_handle(id.get(), H5P_DEFAULT, reinterpret_cast<void**>(&memory)) >= 0;
        if (!flushed || size <= 0 || !found || memory == nullptr || *memory == nullptr)
            fail("cannot be written; is there enough memory?");
        return {static_cast<const char*>(*memory), static_cast<std::size_t>(size)};
    }

    void close() {
        const QuietErrors quiet;
        if (!id.close()) fail("cannot be written; is there enough memory?");
    }

    void attribute(const std::string& object, const std::string& name, hid_t file_type, hid_t memory_type,
                   const void* value) {
        const QuietErrors quiet;
        check_open();
        if (!exists(id.get(), object)) make_groups(object + "/");
        const Id target(H5Oopen(id.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
        check(static_cast<bool>(target), object);
        if (H5Aexists(target.get(), name.c_str()) > 0)
            throw std::invalid_argument(fmt::format("{}: attribute '{}' of '{}' is written twice", path, name, object));
        const Id space = scalar_space();
        const Id made(H5Acreate2(target.get(), name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                      H5Aclose);
        check(made && H5Awrite(made.get(), memory_type, value) >= 0, object + "@" + name);
    }

    std::string path;
    // Open from the beginning, so that a bad path is not found out at the end; none for a file in memory.
    std::optional<FileReplacement> replacement;
    std::optional<OutputFile> output;
    Id id;
};

namespace {

/// Text as HDF5 takes it: no NUL inside, at least one byte.
std::string checked_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
        throw std::invalid_argument("hdf5: text must not hold a NUL character");
    return text.empty() ? std::string(1, '\0') : std::string(text);
}

}  // namespace

Hdf5Writer::Hdf5Writer(const std::string& path) : file_(std::make_unique<File>(path)) {}
Hdf5Writer::Hdf5Writer() : file_(std::make_unique<File>()) {}

Hdf5Writer::~Hdf5Writer() {
    const QuietErrors quiet;
    file_->id.close();
}

void Hdf5Writer::write(const std::string& name, double value) {
    file_->write(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, scalar_space(), &value);
}

void Hdf5Writer::write(const std::string& name, int value) { write(name, static_cast<long>(value)); }

void Hdf5Writer::write(const std::string& name, long value) {
    file_->write(name, H5T_STD_I64LE, H5T_NATIVE_LONG, scalar_space(), &value);
}

void Hdf5Writer::write(const std::string& name, std::string_view text) {
    const std::string bytes = checked_text(text);
    const Id type = text_type(bytes.size());
    file_->write(name, type.get(), type.get(), scalar_space(), bytes.data());
}

void Hdf5Writer::write(const std::string& name, const std::vector<double>& values) {
    write_vector(name, values.data(), static_cast<Eigen::Index>(values.size()));
}

void Hdf5Writer::write(const std::string& name, const std::vector<int>& values) {
    write(name, std::vector<long>(values.begin(), values.end()));
}

void Hdf5Writer::write(const std::string& name, const std::vector<long>& values) {
    file_->write(name, H5T_STD_I64LE, H5T_NATIVE_LONG, simple_space({values.size()}), values.data());
}

void Hdf5Writer::write(const std::string& name, const std::vector<std::string>& values) {
    std::size_t width = 1;
    for (const std::string& value : values) width = std::max(width, checked_text(value).size());
    std::string bytes;
    for (const std::string& value : values) bytes += value + std::string(width - value.size(), '\0');
    const Id type = text_type(width);
    file_->write(name, type.get(), type.get(), simple_space({values.size()}), bytes.data());
}

void Hdf5Writer::write_vector(const std::string& name, const double* values, Eigen::Index size) {
    file_->write(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, simple_space({static_cast<hsize_t>(size)}), values);
}

void Hdf5Writer::write_matrix(const std::string& name, const double* column_major, Eigen::Index rows, Eigen::Index cols,
                              Eigen::Index outer_stride) {
    const QuietErrors quiet;
    const Id space = simple_space({static_cast<hsize_t>(rows), static_cast<hsize_t>(cols)});
    const Id data = file_->create(name, H5T_IEEE_F64LE, space.get());
    const Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>> matrix(column_major, rows, cols,
                                                                            Eigen::OuterStride<>(outer_stride));
    for (const Slab& slab : slabs(rows, cols)) {
        const RowMajor values = matrix.middleRows(slab.first, slab.rows);
        const Id memory = slab.select(space.get(), cols);
        file_->check(
            H5Dwrite(data.get(), H5T_NATIVE_DOUBLE, memory.get(), space.get(), H5P_DEFAULT, values.data()) >= 0, name);
    }
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, double value) {
    file_->attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, int value) {
    attribute(object, name, static_cast<long>(value));
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, long value) {
    file_->attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, std::string_view text) {
    const std::string bytes = checked_text(text);
    const Id type = text_type(bytes.size());
    file_->attribute(object, name, type.get(), type.get(), bytes.data());
}

std::string Hdf5Writer::image() {
    std::string image(file_->bytes());
    file_->close();
    return image;
}

void Hdf5Writer::commit() {
    file_->output->write(file_->bytes());  // no copy: it may be as large as all else that the program holds
    file_->close();
    file_->output->flush();
    file_->output.reset();
    file_->replacement->commit();
}

}  // namespace mlff
