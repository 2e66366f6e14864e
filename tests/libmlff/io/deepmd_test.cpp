#include "libmlff/io/deepmd.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/npy.hpp"
#include "support/files.hpp"

namespace mlff {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

/// A .npy file as NumPy writes it.
template <class Number>
std::string npy(const std::string& type, const std::string& shape, const std::vector<Number>& values,
                const std::string& fortran = "False", char version = 1) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
    const std::size_t prefix = version == 1 ? 10 : 12;
    while ((prefix + header.size() + 1) % 64 != 0) header += ' ';
    header += '\n';
    std::string text = "\x93NUMPY";
    text += version;
    text += '\0';
    for (std::size_t k = 0; k < prefix - 8; ++k) text += static_cast<char>((header.size() >> (8 * k)) & 0xff);
    text += header;
    return text + std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
}

TEST(Npy, NumbersOfAllTypesAndOrders) {
    const TemporaryDirectory folder;
    const auto read = [&](const std::string& bytes) { return read_npy(folder.file("a.npy", bytes)); };
    const std::vector<double> expected = {1, 2, 3, 4, 5, 6};
    for (const auto& array :
         {read(npy<double>("<f8", "(2, 3)", expected)), read(npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6})),
          read(npy<std::int64_t>("<i8", "(2, 3)", {1, 2, 3, 4, 5, 6})),
          read(npy<std::int32_t>("<i4", "(2, 3)", {1, 2, 3, 4, 5, 6}, "False", 2)),
          read(npy<double>("<f8", "(2, 3)", {1, 4, 2, 5, 3, 6}, "True"))}) {
        EXPECT_EQ(array.shape, (std::vector<std::size_t>{2, 3}));
        EXPECT_EQ(array.values, expected);
    }
    EXPECT_EQ(read(npy<double>("<f8", "(6,)", expected)).shape, std::vector<std::size_t>{6});
    EXPECT_EQ(read(npy<double>("<f8", "()", {7.0})).values, std::vector<double>{7.0});
    EXPECT_TRUE(read(npy<double>("<f8", "(0, 3)", {})).values.empty());
}

TEST(Npy, DamagedFilesAreRefused) {
    const TemporaryDirectory folder;
    const auto error = [&](const std::string& bytes) {
        const std::string path = folder.file("a.npy", bytes);
        const std::string message = error_of<InputError>([&] { (void)read_npy(path); });
        EXPECT_TRUE(message.starts_with(path)) << message;
        return message;
    };
    const std::string good = npy<double>("<f8", "(2, 2)", {1, 2, 3, 4});
    for (std::size_t length = 0; length < good.size(); ++length) (void)error(good.substr(0, length));
    EXPECT_NE(error(good + "x").find("needs 32"), std::string::npos);
    EXPECT_NE(error(npy<double>(">f8", "(1,)", {1})).find("little-endian"), std::string::npos);
    EXPECT_NE(error(npy<double>("<c16", "(1,)", {1, 2})).find("type"), std::string::npos);
    EXPECT_NE(error(npy<double>("<f8", "(-1,)", {1})).find("no shape"), std::string::npos);
    EXPECT_NE(error(npy<double>("<f8", "(4294967296, 4294967296)", {1})).find("beyond all reason"), std::string::npos);
}

/// A system of one set: two atoms, one frame.
struct System {
    TemporaryDirectory folder;
    System() {
        std::filesystem::create_directories(folder.file("data/set.000"));
        put("type.raw", "1\n0\n");
        put("type_map.raw", "Ag I\n");
        put("set.000/coord.npy", npy<float>("<f4", "(1, 6)", {0, 0, 0, 1, 2, 3}));
        put("set.000/box.npy", npy<double>("<f8", "(1, 9)", {4, 0, 1, 0, 5, 0, -1, 0, 6}));
    }
    void put(const std::string& name, const std::string& content) const { (void)folder.file("data/" + name, content); }
    [[nodiscard]] DataFile read() const { return read_deepmd(folder.file("data")); }
    [[nodiscard]] std::string error() const {
        return error_of<InputError>([&] { (void)read(); });
    }
};

TEST(Deepmd, UnitsAndSigns) {
    const System system;
    EXPECT_FALSE(system.read().structures.at(0).labels.energy);
    system.put("set.000/energy.npy", npy<double>("<f8", "(1,)", {-3.5}));
    system.put("set.000/force.npy", npy<double>("<f8", "(1, 6)", {1, 2, 3, -1, -2, -3}));
    // Virial of a cell that wants to expand (it is Σ r ⊗ f): under compression, a negative stress.
    system.put("set.000/virial.npy", npy<double>("<f8", "(1, 9)", {12.5, 1, 2, 3, 25, 5, 2, 5, 50}));
    const DataFile file = system.read();
    ASSERT_EQ(file.structures.size(), 1u);
    const auto& [structure, labels] = std::pair(file.structures[0].structure, file.structures[0].labels);
    EXPECT_EQ(structure.species, (std::vector<int>{53, 47}));
    EXPECT_EQ(structure.cell.col(0), Vector3(4, 0, 1));
    EXPECT_EQ(structure.positions.col(1), Vector3(1, 2, 3));
    EXPECT_EQ(labels.energy, -3.5);
    EXPECT_EQ(labels.forces->col(1), Vector3(-1, -2, -3));
    Voigt stress;
    stress << 12.5, 25, 50, 5, 2, 2;
    EXPECT_TRUE(labels.stress->isApprox(-stress / 125.0, 1e-14)) << *labels.stress;
    EXPECT_TRUE(file.structures[0].origin.ends_with("data/set.000, frame 1")) << file.structures[0].origin;
}

TEST(Deepmd, WrongFoldersAreRefused) {
    const System system;
    system.put("set.000/force.npy", npy<double>("<f8", "(1, 5)", {1, 2, 3, 4, 5}));
    EXPECT_NE(system.error().find("force.npy: has the shape (1, 5); (1, 6) is needed"), std::string::npos);
    system.put("set.000/force.npy", npy<double>("<f8", "(1, 6)", {1, 2, 3, 4, 5, std::nan("")}));
    EXPECT_NE(system.error().find("not finite"), std::string::npos);
    std::filesystem::remove(system.folder.file("data/set.000/force.npy"));
    system.put("type_map.raw", "Ag Qq\n");
    EXPECT_NE(system.error().find("type_map.raw:1: unknown element 'Qq'"), std::string::npos);
    system.put("type_map.raw", "Ag\n");
    EXPECT_NE(system.error().find("type 1 is not in type_map.raw"), std::string::npos);
    EXPECT_NE(error_of<InputError>([&] { (void)read_deepmd(system.folder.file("none")); }).find("no such folder"),
              std::string::npos);
}

}  // namespace
}  // namespace mlff
