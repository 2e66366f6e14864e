#include "libmlff/io/journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "libmlff/atoms/errors.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using testing::content_of;
using testing::TemporaryDirectory;

JournalEntry entry(long step) {
    JournalEntry out;
    out.structure.structure = testing::small_cell({47, 53}, step % 2 == 1);
    out.structure.structure.positions.array() += 0.1 / 3.0 * static_cast<double>(step);
    out.structure.labels.energy = -1.0 / 3.0 - static_cast<double>(step);
    out.structure.labels.forces = out.structure.structure.positions / 7.0;
    if (step != 2) {
        out.structure.labels.stress.emplace();
        *out.structure.labels.stress << 0.1, 1e-17, -0.3, 1.0 / 7.0, 0.5, -0.6;
    }
    out.step = 10 * step;
    out.action = step == 0 ? "critical" : "threshold";
    out.learner = std::to_string(step) + " 0 0 | 0.002 0.1 |";
    out.caller = std::string("\0\xff \"=\n", 6) + std::string(static_cast<std::size_t>(step), 'x');
    return out;
}

void expect_equal(const JournalEntry& a, const JournalEntry& b) {
    EXPECT_EQ(a.structure.structure.cell, b.structure.structure.cell);
    EXPECT_EQ(a.structure.structure.periodic, b.structure.structure.periodic);
    EXPECT_EQ(a.structure.structure.species, b.structure.structure.species);
    EXPECT_EQ(a.structure.structure.positions, b.structure.structure.positions);
    EXPECT_EQ(a.structure.labels.energy, b.structure.labels.energy);
    EXPECT_EQ(a.structure.labels.forces, b.structure.labels.forces);
    EXPECT_EQ(a.structure.labels.stress, b.structure.labels.stress);
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.action, b.action);
    EXPECT_EQ(a.learner, b.learner);
    EXPECT_EQ(a.caller, b.caller);
}

void expect_entries(const Journal& journal, long n) {
    ASSERT_EQ(journal.entries().size(), static_cast<std::size_t>(n));
    for (long k = 0; k < n; ++k) expect_equal(journal.entries()[static_cast<std::size_t>(k)], entry(k));
}

/// Text of a journal with n entries, and where each of them ends.
struct Written {
    std::string text;
    std::vector<std::size_t> ends;

    explicit Written(long n) {
        const TemporaryDirectory folder;
        for (long k = 0; k < n; ++k) {
            Journal(folder.file("journal")).append(entry(k));
            text = content_of(folder.file("journal"));
            ends.push_back(text.size());
        }
    }
};

TEST(Journal, BringsBackWhatWasAppendedBitForBit) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("journal");
    {
        Journal journal(path);
        EXPECT_TRUE(journal.entries().empty());
        for (long k = 0; k < 3; ++k) journal.append(entry(k));
        EXPECT_EQ(content_of(path), Written(3).text);  // on the disk at once, and the same whoever appends
    }
    Journal journal(path);
    expect_entries(journal, 3);
    EXPECT_EQ(journal.dropped_bytes(), 0);
    journal.append(entry(3));
    expect_entries(Journal(path), 4);
}

TEST(Journal, AnUnfinishedEntryIsCutOffWhereverItEnds) {
    const Written written(3);
    for (std::size_t size = written.ends[1]; size < written.ends[2]; ++size) {
        const TemporaryDirectory folder;
        const std::string path = folder.file("journal", written.text.substr(0, size));
        Journal journal(path);
        expect_entries(journal, 2);
        EXPECT_EQ(journal.dropped_bytes(), static_cast<long>(size - written.ends[1]));
        journal.append(entry(2));
        ASSERT_EQ(content_of(path), written.text) << size;
    }
}

TEST(Journal, OnlyAPartOfTheFirstEntryIsAnEmptyJournal) {
    const Written written(1);
    for (std::size_t size = 0; size < written.text.size(); ++size) {
        const TemporaryDirectory folder;
        ASSERT_TRUE(Journal(folder.file("journal", written.text.substr(0, size))).entries().empty());
    }
}

/// Whichever byte is hit, a newline between entries included.
TEST(Journal, DamageBeforeTheLastEntryIsRefused) {
    const Written written(3);
    for (std::size_t byte = 0; byte < written.ends[1]; ++byte) {
        std::string text = written.text;
        text[byte] = text[byte] == 'x' ? 'y' : 'x';
        const TemporaryDirectory folder;
        const std::string path = folder.file("journal", text);
        const std::string message = testing::error_of<InputError>([&] { const Journal journal(path); });
        ASSERT_NE(message.find(path), std::string::npos) << "byte " << byte << ": " << message;
        ASSERT_EQ(content_of(path), text) << "a journal that is refused must be left as it is";
    }
}

TEST(Journal, ADamagedLastEntryIsDropped) {
    const Written written(2);
    for (std::size_t byte = written.ends[0]; byte < written.ends[1]; ++byte) {
        std::string text = written.text;
        text[byte] = text[byte] == 'x' ? 'y' : 'x';
        const TemporaryDirectory folder;
        expect_entries(Journal(folder.file("journal", text)), 1);
    }
}

}  // namespace
}  // namespace mlff
