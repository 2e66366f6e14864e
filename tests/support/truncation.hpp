#pragma once

#include <gtest/gtest.h>

#include <string>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/data_file.hpp"
#include "support/files.hpp"

namespace mlff::testing {

/// Cuts a file at every `stride`-th byte and reads the remainder: the reader must refuse it with one line that names
/// the file, or return the first frames of the complete file.
/// @returns the number of cuts for which it returned frames
inline int read_truncated(const std::string& name, const std::string& text, std::size_t stride,
                          DataFile (*read)(const std::string&)) {
    const TemporaryDirectory folder;
    const DataFile whole = read(folder.file(name, text));
    int n_read = 0;
    for (std::size_t length = 0; length < text.size(); length += stride) {
        const std::string path = folder.file(name, text.substr(0, length));
        try {
            const DataFile part = read(path);
            ++n_read;
            EXPECT_GT(part.structures.size(), 0u) << length;
            EXPECT_LE(part.structures.size(), whole.structures.size()) << length;
            for (std::size_t k = 0; k < std::min(part.structures.size(), whole.structures.size()); ++k) {
                const LabeledStructure &a = part.structures[k], &b = whole.structures[k];
                EXPECT_EQ(a.structure.positions, b.structure.positions) << length;
                EXPECT_EQ(a.labels.energy, b.labels.energy) << length;
                EXPECT_EQ(a.labels.forces, b.labels.forces) << length;
                EXPECT_EQ(a.labels.stress, b.labels.stress) << length;
            }
        } catch (const InputError& error) {
            const std::string message = error.what();
            EXPECT_TRUE(message.starts_with(path)) << length << ": " << message;
            EXPECT_EQ(message.find('\n'), std::string::npos) << message;
        }
    }
    return n_read;
}

/// The text with one occurrence of a part replaced, by default the first (number 0).
inline std::string with(std::string text, const std::string& part, const std::string& replacement, int occurrence = 0) {
    std::size_t at = text.find(part);
    for (int k = 0; k < occurrence && at != std::string::npos; ++k) at = text.find(part, at + part.size());
    EXPECT_NE(at, std::string::npos) << part;
    return at == std::string::npos ? text : text.replace(at, part.size(), replacement);
}

}  // namespace mlff::testing
