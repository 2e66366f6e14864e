#include "libmlff/io/hdf5_appender.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>

#include "libmlff/io/hdf5_handle.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff {

using namespace hdf5;

namespace {

constexpr hsize_t chunk_bytes = 1 << 14;         ///< of small entries several make a chunk
constexpr std::int64_t reserve_bytes = 1 << 22;  ///< of disk that are asked for at a time
constexpr std::int64_t spare_bytes = 1 << 20;    ///< for HDF5's own books

/// SWMR needs the latest layout of the file.
Id latest_layout() {
    Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    return access;
}

/// Python takes text of variable length for text, and that of fixed length for bytes.
Id variable_text() {
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

}  // namespace

struct Hdf5Appender::File {
    File(const std::string& name, bool is_new) : path(name) {
        const QuietErrors quiet;
        const Id access = latest_layout();
        if (is_new) replacement.emplace(path);
        id = Id(is_new ? H5Fcreate(replacement->temporary().c_str(), H5F_ACC_TRUNC, untimed(H5P_FILE_CREATE).get(),
                                   access.get())
                       : H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()),
                H5Fclose);
        if (!id) fail(is_new ? "cannot be created" : "cannot be opened to be continued");
    }
    ~File() {
        const QuietErrors quiet;
        series.clear();
        struct stat status = {};  // gives back what was reserved beyond the end
        if (const int file = descriptor(); file >= 0 && ::fstat(file, &status) == 0)
            if (::ftruncate(file, status.st_size) != 0) errno = 0;
        id.close();
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    [[noreturn]] void fail(const std::string& what) const { throw std::runtime_error(path + ": " + what); }
    void check(bool good, const std::string& name) const {
        if (!good) fail(fmt::format("'{}' cannot be written; is the disk full?", name));
    }
    void check_layout(const std::string& name) const {
        if (growing) throw std::invalid_argument(fmt::format("{}: '{}' comes after the first entry", path, name));
    }
    void make_groups(const std::string& name) {
        for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1)) {
            const std::string group = name.substr(0, slash);
            if (exists(id.get(), group)) continue;
            const Id creation = untimed(H5P_GROUP_CREATE);
            check(static_cast<bool>(
                      Id(H5Gcreate2(id.get(), group.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose)),
                  group);
        }
    }
    Id create(const std::string& name, hid_t type, const Id& space, const Id& creation) {
        check_layout(name);
        if (exists(id.get(), name)) throw std::invalid_argument(fmt::format("{}: '{}' is used twice", path, name));
        make_groups(name);
        Id made(H5Dcreate2(id.get(), name.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                H5Dclose);
        check(static_cast<bool>(made), name);
        return made;
    }
    void attribute(const std::string& object, const std::string& name, hid_t type, hid_t memory, const Id& space,
                   const void* values) {
        const QuietErrors quiet;
        check_layout(object);
        if (!exists(id.get(), object)) make_groups(object + "/");
        const Id target(H5Oopen(id.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
        const Id made(H5Acreate2(target.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
        check(made && H5Awrite(made.get(), memory, values) >= 0, object + "@" + name);
    }

    /// The series, open: opened when it is first used.
    hid_t open(const std::string& name) {
        auto found = series.find(name);
        if (found == series.end()) {
            Id data(exists(id.get(), name) ? H5Dopen2(id.get(), name.c_str(), H5P_DEFAULT) : -1, H5Dclose);
            if (!data) fail(fmt::format("holds no '{}'; it is another file than the one begun", name));
            found = series.emplace(name, std::move(data)).first;
        }
        return found->second.get();
    }

    [[nodiscard]] int descriptor() const {
        void* handle = nullptr;
        return id && H5Fget_vfd_handle(id.get(), H5P_DEFAULT, &handle) >= 0 && handle != nullptr
                   ? *static_cast<int*>(handle)
                   : -1;
    }
    /// HDF5 does not survive a full disk: the file cannot be opened any more, and the program crashes when it ends. So
    /// space is asked for before HDF5 needs it; if there is none, the file stays as it is.
    void reserve(std::int64_t bytes) {
        used_ += bytes + static_cast<std::int64_t>(chunk_bytes);
        if (used_ + spare_bytes <= reserved_) return;
        struct stat status = {};
        struct rlimit limit = {};
        const int file = descriptor();
        if (file < 0 || ::fstat(file, &status) != 0 || ::getrlimit(RLIMIT_FSIZE, &limit) != 0) return;
        const std::int64_t length = reserve_bytes + spare_bytes + 2 * bytes;
        int error = 0;
        if (limit.rlim_cur != RLIM_INFINITY && static_cast<rlim_t>(status.st_size + length) > limit.rlim_cur)
            error = EFBIG;
        else if (::fallocate(file, FALLOC_FL_KEEP_SIZE, status.st_size, length) != 0)
            error = errno;
        // A file system that cannot reserve is taken on trust.
        if (error == ENOSPC || error == EDQUOT || error == EFBIG)
            fail(fmt::format("cannot grow ({}); what was written is complete", std::strerror(error)));
        used_ = 0;
        reserved_ = length;
    }

    void append(const std::string& name, hid_t memory_type, const void* values, std::size_t n_values) {
        const QuietErrors quiet;
        reserve(static_cast<std::int64_t>(n_values * sizeof(double)));
        if (!growing) {
            // What is open when a file begins to grow must be opened anew.
            series.clear();
            check(H5Fflush(id.get(), H5F_SCOPE_GLOBAL) >= 0 && H5Fstart_swmr_write(id.get()) >= 0, name);
            growing = true;
        }
        const hid_t data = open(name);
        std::vector<hsize_t> shape = shape_of(Id(H5Dget_space(data), H5Sclose).get()), start(shape.size(), 0), count;
        start[0] = shape[0]++;
        count = shape;
        count[0] = 1;
        hsize_t size = 1;
        for (const hsize_t n : count) size *= n;
        if (size != n_values)
            throw std::invalid_argument(fmt::format("{}: '{}' takes {} numbers, got {}", path, name, size, n_values));
        check(H5Dset_extent(data, shape.data()) >= 0, name);
        const Id space(H5Dget_space(data), H5Sclose), memory = simple_space(count);
        H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        check(H5Dwrite(data, memory_type, memory.get(), space.get(), H5P_DEFAULT, values) >= 0, name);
    }

    void flush() {
        check(H5Fflush(id.get(), H5F_SCOPE_GLOBAL) >= 0, "file");
        if (!replacement || !growing) return;
        replacement->commit();
        replacement.reset();
    }

    std::string path;
    std::optional<FileReplacement> replacement;  ///< of a new file, until it takes its name
    Id id;
    std::map<std::string, Id> series;
    bool growing = false;

 private:
    std::int64_t used_ = 0, reserved_ = 0;  ///< bytes, since space was reserved last
};

Hdf5Appender::Hdf5Appender(std::unique_ptr<File> file) : file_(std::move(file)) {}
Hdf5Appender::Hdf5Appender(Hdf5Appender&&) noexcept = default;
Hdf5Appender& Hdf5Appender::operator=(Hdf5Appender&&) noexcept = default;
Hdf5Appender::~Hdf5Appender() = default;

Hdf5Appender Hdf5Appender::create(const std::string& path) { return Hdf5Appender(std::make_unique<File>(path, true)); }
Hdf5Appender Hdf5Appender::open(const std::string& path) { return Hdf5Appender(std::make_unique<File>(path, false)); }

void Hdf5Appender::attribute(const std::string& object, const std::string& name, std::span<const long> values) {
    file_->attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, simple_space({values.size()}), values.data());
}

void Hdf5Appender::attribute(const std::string& object, const std::string& name, long value) {
    file_->attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, scalar_space(), &value);
}

void Hdf5Appender::attribute(const std::string& object, const std::string& name, const std::string& text) {
    const Id type = variable_text();
    const char* const bytes = text.c_str();
    file_->attribute(object, name, type.get(), type.get(), scalar_space(), &bytes);
}

void Hdf5Appender::attribute(const std::string& object, const std::string& name,
                             const std::vector<std::string>& texts) {
    std::vector<const char*> bytes;
    for (const std::string& text : texts) bytes.push_back(text.c_str());
    const Id type = variable_text();
    file_->attribute(object, name, type.get(), type.get(), simple_space({texts.size()}), bytes.data());
}

void Hdf5Appender::fixed(const std::string& name, const std::vector<long>& values) {
    const QuietErrors quiet;
    const Id data = file_->create(name, H5T_STD_I64LE, simple_space({values.size()}), untimed(H5P_DATASET_CREATE));
    file_->check(H5Dwrite(data.get(), H5T_NATIVE_LONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0, name);
}

void Hdf5Appender::series(const std::string& name, const std::vector<std::int64_t>& shape, Kind kind) {
    const QuietErrors quiet;
    std::vector<hsize_t> now = {0}, most = {H5S_UNLIMITED}, chunk = {1};
    hsize_t bytes = sizeof(double);
    for (const std::int64_t n : shape) {
        for (auto* extents : {&now, &most, &chunk}) extents->push_back(static_cast<hsize_t>(n));
        bytes *= static_cast<hsize_t>(n);
    }
    chunk[0] = std::max<hsize_t>(1, chunk_bytes / bytes);
    const Id creation = untimed(H5P_DATASET_CREATE);
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    constexpr long not_written = -1;
    if (kind == Kind::whole) H5Pset_fill_value(creation.get(), H5T_NATIVE_LONG, &not_written);
    const Id space(H5Screate_simple(static_cast<int>(now.size()), now.data(), most.data()), H5Sclose);
    (void)file_->create(name, kind == Kind::whole ? H5T_STD_I64LE : H5T_IEEE_F64LE, space, creation);
}

void Hdf5Appender::link(const std::string& name, const std::string& existing) {
    const QuietErrors quiet;
    file_->check_layout(name);
    file_->make_groups(name);
    const hid_t id = file_->id.get();
    file_->check(H5Lcreate_hard(id, existing.c_str(), id, name.c_str(), H5P_DEFAULT, H5P_DEFAULT) >= 0, name);
}

std::int64_t Hdf5Appender::length(const std::string& name) const {
    const QuietErrors quiet;
    const Id space(H5Dget_space(file_->open(name)), H5Sclose);
    return static_cast<std::int64_t>(shape_of(space.get()).at(0));
}

void Hdf5Appender::append(const std::string& name, std::span<const double> values) {
    file_->append(name, H5T_NATIVE_DOUBLE, values.data(), values.size());
}

void Hdf5Appender::append(const std::string& name, std::span<const long> values) {
    file_->append(name, H5T_NATIVE_LONG, values.data(), values.size());
}

void Hdf5Appender::flush() {
    const QuietErrors quiet;
    file_->flush();
}

void Hdf5Appender::sync() {
    const QuietErrors quiet;
    flush();
    file_->check(::fsync(file_->descriptor()) == 0, "file");
}

void Hdf5Appender::require_in_place() const {
    if (!file_->replacement) mlff::require_in_place(file_->descriptor(), file_->path);
}

}  // namespace mlff
