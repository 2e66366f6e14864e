#include <gtest/gtest.h>
#include <sys/resource.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <random>
#include <stdexcept>
#include <thread>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/hdf5_reader.hpp"
#include "libmlff/io/hdf5_writer.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::content_of;
using testing::error_of;
using testing::TemporaryDirectory;

Eigen::MatrixXd random_matrix(Eigen::Index rows, Eigen::Index cols) {
    std::mt19937 random(11);
    std::normal_distribution<double> normal;
    return Eigen::MatrixXd::NullaryExpr(rows, cols, [&] { return normal(random); });
}

void write_example(const std::string& path) {
    Hdf5Writer file(path);
    file.write("scalars/energy", -1.0 / 3.0);
    file.write("scalars/count", 42);
    file.write("scalars/large", long{1} << 40);
    file.write("scalars/name", "Ag₃SI");
    file.write("scalars/empty", "");
    file.write("matrix", random_matrix(4, 7));
    file.write("positions", Eigen::Matrix3Xd(random_matrix(3, 5)));
    file.write("vector", Eigen::VectorXd(random_matrix(6, 1)));
    file.write("list", std::vector<double>{1.5, -2.5});
    file.write("whole", std::vector<int>{3, -1, 2});
    file.write("symbols", std::vector<std::string>{"Ag", "", "Iodine"});
    file.attribute("matrix", "units", "eV/Å");
    file.attribute("scalars", "version", 3);
    file.attribute("/", "cutoff", 6.5);
    file.attribute("empty_group/inside", "note", "made for its attribute");
    file.commit();
}

TEST(Hdf5, EverythingComesBack) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("model.h5");
    write_example(path);
    const Hdf5Reader file(path);
    EXPECT_EQ(file.path(), path);
    EXPECT_EQ(file.read<double>("scalars/energy"), -1.0 / 3.0);
    EXPECT_EQ(file.read<int>("scalars/count"), 42);
    EXPECT_EQ(file.read<double>("scalars/count"), 42.0);
    EXPECT_EQ(file.read<long>("scalars/large"), long{1} << 40);
    EXPECT_EQ(file.read<std::string>("scalars/name"), "Ag₃SI");
    EXPECT_EQ(file.read<std::string>("scalars/empty"), "");
    EXPECT_EQ(file.read<Eigen::MatrixXd>("matrix"), random_matrix(4, 7));
    EXPECT_EQ(file.read<Eigen::Matrix3Xd>("positions"), random_matrix(3, 5));
    EXPECT_EQ(file.read<Eigen::VectorXd>("vector"), random_matrix(6, 1));
    EXPECT_EQ(file.read<std::vector<double>>("list"), (std::vector<double>{1.5, -2.5}));
    EXPECT_EQ(file.read<std::vector<int>>("whole"), (std::vector<int>{3, -1, 2}));
    EXPECT_EQ(file.read<std::vector<long>>("whole"), (std::vector<long>{3, -1, 2}));
    EXPECT_EQ(file.read<std::vector<std::string>>("symbols"), (std::vector<std::string>{"Ag", "", "Iodine"}));

    EXPECT_EQ(file.shape("matrix"), (std::vector<std::int64_t>{4, 7}));
    EXPECT_EQ(file.shape("vector"), (std::vector<std::int64_t>{6}));
    EXPECT_TRUE(file.shape("scalars/energy").empty());
    EXPECT_EQ(file.list("scalars"), (std::vector<std::string>{"count", "empty", "energy", "large", "name"}));
    EXPECT_EQ(file.list().front(), "empty_group");
    EXPECT_TRUE(file.has("scalars"));
    EXPECT_TRUE(file.has("scalars/name"));
    EXPECT_FALSE(file.has("scalars/other"));
    EXPECT_FALSE(file.has("no/such/group"));

    std::string units;
    file.attribute("matrix", "units", units);
    EXPECT_EQ(units, "eV/Å");
    int version = 0;
    file.attribute("scalars", "version", version);
    EXPECT_EQ(version, 3);
    double cutoff = 0.0;
    file.attribute("/", "cutoff", cutoff);
    EXPECT_EQ(cutoff, 6.5);
    EXPECT_TRUE(file.has_attribute("empty_group/inside", "note"));
    EXPECT_FALSE(file.has_attribute("matrix", "note"));
    EXPECT_FALSE(file.has_attribute("absent", "note"));
}

TEST(Hdf5, DoublesAreKeptBitForBit) {
    const TemporaryDirectory folder;
    using limits = std::numeric_limits<double>;
    std::vector<double> values = {
        0.0, -0.0,     limits::denorm_min(), limits::max(), limits::lowest(), limits::infinity(), limits::quiet_NaN(),
        0.1, 1.0 / 3.0};
    std::mt19937_64 random(5);
    for (int k = 0; k < 1000; ++k) values.push_back(std::bit_cast<double>(random() >> 2));  // any finite pattern
    Hdf5Writer writer(folder.file("a.h5"));
    writer.write("x", values);
    writer.commit();
    const auto back = Hdf5Reader(folder.file("a.h5")).read<std::vector<double>>("x");
    ASSERT_EQ(back.size(), values.size());
    for (std::size_t k = 0; k < values.size(); ++k)
        ASSERT_EQ(std::bit_cast<std::uint64_t>(back[k]), std::bit_cast<std::uint64_t>(values[k])) << k;
}

/// Expressions, blocks with a stride, rows, matrices larger than the buffer that turns them, and nothing at all.
TEST(Hdf5, MatricesOfAnyShapeAndStorage) {
    const TemporaryDirectory folder;
    const Eigen::MatrixXd matrix = random_matrix(9, 6);
    const Eigen::MatrixXd tall = random_matrix(3000, 701), wide = random_matrix(2, 1'200'000);
    Hdf5Writer writer(folder.file("a.h5"));
    writer.write("block", matrix.block(2, 1, 4, 3));
    writer.write("sum", 2.0 * matrix.transpose());
    writer.write("row", matrix.row(3));
    writer.write("column", matrix.col(2));
    writer.write("row_major", Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>(matrix));
    writer.write("tall", tall);
    writer.write("wide", wide);
    writer.write("no_rows", Eigen::MatrixXd(0, 4));
    writer.write("no_cols", Eigen::MatrixXd(4, 0));
    writer.write("nothing", std::vector<double>{});
    writer.write("no_words", std::vector<std::string>{});
    writer.commit();
    const Hdf5Reader file(folder.file("a.h5"));
    EXPECT_EQ(file.read<Eigen::MatrixXd>("block"), matrix.block(2, 1, 4, 3));
    EXPECT_EQ(file.read<Eigen::MatrixXd>("sum"), 2.0 * matrix.transpose());
    EXPECT_EQ(file.read<Eigen::VectorXd>("row"), matrix.row(3).transpose());
    EXPECT_EQ(file.read<Eigen::VectorXd>("column"), matrix.col(2));
    EXPECT_EQ(file.read<Eigen::MatrixXd>("row_major"), matrix);
    EXPECT_EQ(file.read<Eigen::MatrixXd>("tall"), tall);
    EXPECT_EQ(file.read<Eigen::MatrixXd>("wide"), wide);
    EXPECT_EQ(file.read<Eigen::MatrixXd>("no_rows").cols(), 4);
    EXPECT_EQ(file.read<Eigen::MatrixXd>("no_cols").rows(), 4);
    EXPECT_TRUE(file.read<std::vector<double>>("nothing").empty());
    EXPECT_TRUE(file.read<std::vector<std::string>>("no_words").empty());
}

TEST(Hdf5, EqualContentGivesEqualBytes) {
    const TemporaryDirectory folder;
    write_example(folder.file("a.h5"));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 counts time in seconds
    const std::vector<double> junk(100'000, 1.25);                 // memory that is used again is not what it was
    write_example(folder.file("b.h5"));
    EXPECT_TRUE(content_of(folder.file("a.h5")) == content_of(folder.file("b.h5")));
}

TEST(Hdf5, WithoutCommitTheOldFileStays) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("model.h5", "old");
    {
        Hdf5Writer file(path);
        file.write("x", 1.0);
        EXPECT_EQ(content_of(path), "old");
    }
    EXPECT_EQ(content_of(path), "old");
    EXPECT_EQ(folder.n_files(), 1U);
    Hdf5Writer file(path);
    file.write("x", 1.0);
    file.commit();
    EXPECT_EQ(Hdf5Reader(path).read<double>("x"), 1.0);
    EXPECT_EQ(folder.n_files(), 1U);
    EXPECT_THROW(file.write("y", 2.0), std::invalid_argument);
    EXPECT_THROW(file.commit(), std::invalid_argument);
}

TEST(Hdf5, CallersMistakesAreRefused) {
    const TemporaryDirectory folder;
    Hdf5Writer file(folder.file("a.h5"));
    file.write("x", 1.0);
    file.attribute("x", "unit", "eV");
    EXPECT_THROW(file.write("x", 2.0), std::invalid_argument);
    EXPECT_THROW(file.write("", 2.0), std::invalid_argument);
    EXPECT_THROW(file.attribute("x", "unit", "eV"), std::invalid_argument);
    EXPECT_THROW(file.write("text", std::string_view("a\0b", 3)), std::invalid_argument);
    EXPECT_NE(error_of<std::runtime_error>([&] {
                  Hdf5Writer no(folder.file("no/such/folder/a.h5"));
              }).find("no/such/folder/a.h5: cannot be opened"),
              std::string::npos);
}

/// A disk that fills up (here: a limit on the size of files) is an error like any other, and nothing is left behind.
TEST(Hdf5, AFullDiskIsReported) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("model.h5", "old");
    const auto signal_before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small = {1'000, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::vector<std::string> messages;
    for (const Eigen::Index size : {5, 300})  // less and more than a buffer
        messages.push_back(error_of<std::runtime_error>([&] {
            Hdf5Writer file(path);
            file.write("x", random_matrix(size, size));
            file.commit();
        }));
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, signal_before);
    for (const std::string& message : messages)
        EXPECT_NE(message.find(".tmp: cannot be written ("), std::string::npos) << message;
    EXPECT_EQ(content_of(path), "old");
    EXPECT_EQ(folder.n_files(), 1U);
}

TEST(Hdf5, WrongFilesAndContentsAreInputErrorsOfOneLine) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("a.h5");
    write_example(path);
    const Hdf5Reader file(path);
    ::testing::internal::CaptureStderr();
    const auto message = [&](const auto& action) {
        const std::string text = error_of<InputError>(action);
        EXPECT_EQ(text.find('\n'), std::string::npos);
        return text.substr(0, path.size()) == path ? text.substr(path.size()) : text;
    };
    EXPECT_EQ(message([&] { (void)file.read<double>("absent"); }),
              ": data set 'absent' is missing; a complete file of this version is needed");
    EXPECT_EQ(message([&] { (void)file.read<double>("no/such/thing"); }),
              ": data set 'no/such/thing' is missing; a complete file of this version is needed");
    EXPECT_EQ(message([&] { (void)file.read<double>("scalars"); }),
              ": data set 'scalars' is missing; a complete file of this version is needed");
    EXPECT_EQ(message([&] { (void)file.list("absent"); }),
              ": group 'absent' is missing; a complete file of this version is needed");
    EXPECT_EQ(message([&] { (void)file.read<double>("matrix"); }),
              ": 'matrix' must have 0 dimensions, got shape (4, 7)");
    EXPECT_EQ(message([&] { (void)file.read<Eigen::VectorXd>("matrix"); }),
              ": 'matrix' must have 1 dimension, got shape (4, 7)");
    EXPECT_EQ(message([&] { (void)file.read<Eigen::MatrixXd>("vector"); }),
              ": 'vector' must have 2 dimensions, got shape (6)");
    EXPECT_EQ(message([&] { (void)file.read<Eigen::Matrix3Xd>("matrix"); }),
              ": 'matrix' must have shape (3, n), got (4, 7)");
    EXPECT_EQ(message([&] { (void)file.read<int>("scalars/energy"); }), ": 'scalars/energy' must hold whole numbers");
    EXPECT_EQ(message([&] { (void)file.read<int>("scalars/large"); }),
              ": 'scalars/large' holds 1099511627776, which is out of range");
    EXPECT_EQ(message([&] { (void)file.read<double>("scalars/name"); }), ": 'scalars/name' must hold numbers");
    EXPECT_EQ(message([&] { (void)file.read<Eigen::VectorXd>("symbols"); }), ": 'symbols' must hold numbers");
    EXPECT_EQ(message([&] { (void)file.read<std::string>("scalars/count"); }), ": 'scalars/count' must hold text");
    int number = 0;
    EXPECT_EQ(message([&] { file.attribute("matrix", "absent", number); }),
              ": attribute 'absent' of 'matrix' is missing; a complete file of this version is needed");
    EXPECT_EQ(message([&] { file.attribute("matrix", "units", number); }), ": 'matrix@units' must hold whole numbers");

    (void)folder.file("a.txt", "no HDF5 here");
    EXPECT_NE(message([&] { const Hdf5Reader wrong(folder.file("a.txt")); }).find("is not an HDF5 file"),
              std::string::npos);
    EXPECT_NE(message([&] { const Hdf5Reader wrong(folder.file("absent.h5")); }).find("no such file"),
              std::string::npos);
    EXPECT_NE(message([&] { const Hdf5Reader wrong(folder.file(".")); }).find("is not an HDF5 file"),
              std::string::npos);
    const std::string cut = folder.file("cut.h5", content_of(path).substr(0, 3000));
    EXPECT_NE(message([&] { const Hdf5Reader wrong(cut); }).find("is not an HDF5 file, or is damaged"),
              std::string::npos);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "HDF5 must not print its own error stack";
}

TEST(Hdf5AgainstH5py, ItSeesTheDocumentedShapes) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "h5py is not installed";
    const TemporaryDirectory folder;
    Eigen::MatrixXd matrix(2, 3);
    matrix << 1, 2, 3, 4, 5, 6;
    Hdf5Writer writer(folder.file("a.h5"));
    writer.write("group/matrix", matrix);
    writer.attribute("group/matrix", "units", "eV/Å");
    writer.attribute("group", "version", 3);
    writer.write("positions", Eigen::Matrix3Xd(Eigen::Matrix3Xd::Zero(3, 8)));
    writer.write("count", 7);
    writer.write("energy", 1.0 / 3.0);
    writer.write("name", "Ag₃SI");
    writer.write("symbols", std::vector<std::string>{"Ag", "I"});
    writer.commit();
    EXPECT_TRUE(testing::python(folder, R"(
import sys, h5py, numpy
with h5py.File(sys.argv[1], "r") as f:
    assert f["group/matrix"].shape == (2, 3) and f["group/matrix"].dtype == numpy.float64
    assert (f["group/matrix"][:] == [[1, 2, 3], [4, 5, 6]]).all()
    assert f["group/matrix"].attrs["units"].decode() == "eV/Å", f["group/matrix"].attrs["units"]
    assert f["group"].attrs["version"] == 3
    assert f["positions"].shape == (3, 8)
    assert f["count"][()] == 7 and f["count"].dtype == numpy.int64
    assert f["energy"][()] == 1 / 3
    assert f["name"][()].decode() == "Ag₃SI" and f["name"].asstr()[()] == "Ag₃SI"
    assert list(f["symbols"].asstr()) == ["Ag", "I"]
)",
                                folder.file("a.h5")));
}

TEST(Hdf5AgainstH5py, WeReadWhatItWrites) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "h5py is not installed";
    const TemporaryDirectory folder;
    ASSERT_TRUE(testing::python(folder, R"(
import sys, h5py, numpy
with h5py.File(sys.argv[1], "w") as f:
    f["matrix"] = numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    f["chunked"] = numpy.zeros((1, 1))
    f.create_dataset("packed", data=numpy.arange(6.0).reshape(3, 2), compression="gzip")
    f["big_endian"] = numpy.array([1.5, 2.5], dtype=">f8")
    f["small"] = numpy.int16(-5)
    f["name"] = "Ag₃SI"
    f["symbols"] = ["Ag", "I"]
    f["matrix"].attrs["units"] = "eV"
)",
                                folder.file("a.h5")));
    const Hdf5Reader file(folder.file("a.h5"));
    Eigen::MatrixXd expected(2, 3);
    expected << 1, 2, 3, 4, 5, 6;
    EXPECT_EQ(file.read<Eigen::MatrixXd>("matrix"), expected);
    EXPECT_EQ(file.read<Eigen::MatrixXd>("packed")(2, 1), 5.0);
    EXPECT_EQ(file.read<std::vector<double>>("big_endian"), (std::vector<double>{1.5, 2.5}));
    EXPECT_EQ(file.read<int>("small"), -5);
    EXPECT_EQ(file.read<std::string>("name"), "Ag₃SI");
    EXPECT_EQ(file.read<std::vector<std::string>>("symbols"), (std::vector<std::string>{"Ag", "I"}));
    std::string units;
    file.attribute("matrix", "units", units);
    EXPECT_EQ(units, "eV");
}

}  // namespace
}  // namespace mlff
