#include "app/variant.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "libmlff/atoms/errors.hpp"

namespace mlff::app {
namespace {

namespace fs = std::filesystem;
using Levels = std::vector<std::string>;

const Levels zen4 = {"x86-64-v4", "x86-64-v3", "x86-64"}, haswell = {"x86-64-v3", "x86-64"}, nehalem = {"x86-64"};

/// A folder with an empty file for each program of a portable build.
class Variant : public testing::Test {
 protected:
    Variant() {
        fs::create_directory(folder_);
        for (const char* name : {"mlff", "mlff-x86-64-v3", "mlff-x86-64-v4"}) std::ofstream(folder_ / name);
    }
    ~Variant() override { fs::remove_all(folder_); }

    std::string chosen(const Levels& levels, const std::string& forced = {}) const {
        return choose_variant(folder_ / "mlff", levels, forced).filename();
    }
    std::string complaint(const Levels& levels, const std::string& forced) const {
        try {
            return "none, but the choice " + chosen(levels, forced);
        } catch (const InputError& error) {
            return error.what();
        }
    }

    const fs::path folder_ = fs::temp_directory_path() / ("mlff-variant-" + std::to_string(getpid()));
};

TEST_F(Variant, is_the_best_that_the_cpu_has) {
    EXPECT_EQ(chosen(zen4), "mlff-x86-64-v4");
    EXPECT_EQ(chosen(haswell), "mlff-x86-64-v3");
    EXPECT_EQ(chosen(nehalem), "mlff");
}

TEST_F(Variant, is_the_best_that_is_there) {
    fs::remove(folder_ / "mlff-x86-64-v4");
    EXPECT_EQ(chosen(zen4), "mlff-x86-64-v3");
    fs::remove(folder_ / "mlff-x86-64-v3");
    EXPECT_EQ(chosen(zen4), "mlff");
}

TEST_F(Variant, is_what_the_user_forces) {
    EXPECT_EQ(chosen(zen4, "x86-64-v4"), "mlff-x86-64-v4");
    EXPECT_EQ(chosen(zen4, "x86-64-v3"), "mlff-x86-64-v3");
    EXPECT_EQ(chosen(zen4, "x86-64"), "mlff");
}

TEST_F(Variant, stands_beside_the_program_and_has_its_name) {
    for (const char* name : {"old", "old-x86-64-v3"}) std::ofstream(folder_ / name);
    EXPECT_EQ(choose_variant(folder_ / "old", zen4, ""), folder_ / "old-x86-64-v3");
}

TEST_F(Variant, that_cannot_be_is_refused) {
    EXPECT_EQ(complaint(haswell, "x86-64-v4"), "MLFF_ARCH=x86-64-v4: this CPU runs x86-64-v3, x86-64");
    EXPECT_EQ(complaint(zen4, "avx2"), "MLFF_ARCH=avx2: this CPU runs x86-64-v4, x86-64-v3, x86-64");
    fs::remove(folder_ / "mlff-x86-64-v3");
    EXPECT_EQ(complaint(zen4, "x86-64-v3"), "MLFF_ARCH=x86-64-v3: there is no " + (folder_ / "mlff").string() +
                                                "-x86-64-v3; copy all of " + (folder_ / "mlff").string() + "*");
}

}  // namespace
}  // namespace mlff::app
