#include "libmlff/io/outcar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp_output.hpp"

namespace mlff {
namespace {

bool contains(std::string_view line, std::string_view part) { return line.find(part) != std::string_view::npos; }

/// What follows the first '=' of a line.
std::string_view after_equals(std::string_view line) {
    const auto equals = line.find('=');
    return equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1);
}

constexpr long most_atoms = 100'000'000;  ///< a larger count is a damaged file, not a structure

/// The file ends where a step is being read.
struct CutOff {};

/// An ionic step while it is read.
struct Step {
    std::string origin;
    bool machine_learned = false, overflowed = false;
    Matrix3X positions, forces;
};

class OutcarReader {
 public:
    explicit OutcarReader(const std::string& path) : lines_(path) {}

    DataFile read() {
        try {
            while (lines_.next(line_)) take_line();
            omitted_.cut_off = step_.has_value();
        } catch (const CutOff&) {
            omitted_.cut_off = true;
        }
        omitted_.report(lines_.path(), file_);
        return std::move(file_);
    }

 private:
    void take_line() {
        const auto first = line_.find_first_not_of(" \t");
        if (first == std::string::npos) return;
        const std::string_view text = std::string_view(line_).substr(first);
        if (text.starts_with("POTCAR:"))
            potentials_.push_back(potential_species(text.substr(text.find(':') + 1)));
        else if (text.starts_with("TITEL"))
            titles_.push_back(potential_species(after_equals(text)));
        else if (text.starts_with("VRHFIN"))
            names_.push_back(vasp_species(after_equals(text)));
        else if (text.starts_with("ions per type"))
            read_counts();
        else if (text.starts_with("NELM ") || text.starts_with("NELM="))
            electronic_limit_ = first_long(after_equals(text));
        else if (contains(text, " Iteration ") && text.find('(') != std::string_view::npos) {
            electronic_steps_ = first_long(text.substr(text.find('(') + 1)).value_or(0);
            energy_before_.reset();
        } else if (contains(text, "EDIFF was not reached"))
            not_reached_ = true;
        else if (text.starts_with("direct lattice vectors"))
            read_cell();
        else if (text.starts_with("in kB"))
            read_pressure();
        else if (text.starts_with("POSITION") && contains(text, "TOTAL-FORCE"))
            read_atoms();
        else if (text.starts_with("free  energy") && contains(text, "TOTEN")) {
            if (step_)
                finish_step(line_);
            else
                energy_before_ = line_;
        } else if (text.starts_with("energy  without entropy"))
            read_entropy();
    }

    /// Complains about the line read last; if nothing follows it, it is the file that is cut off.
    [[noreturn]] void malformed(const std::string& message) {
        const std::string place = lines_.place();
        std::string next;
        if (!lines_.next(next)) throw CutOff();
        throw InputError(place + ": " + message);
    }

    void next_line() {
        if (!lines_.next(line_)) throw CutOff();
    }

    /// Up to the first character that is no digit.
    static std::optional<long> first_long(std::string_view text) {
        const auto first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos) return std::nullopt;
        text.remove_prefix(first);
        return parse_long(text.substr(0, text.find_first_not_of("0123456789")));
    }

    void read_counts() {
        counts_.clear();
        for (const std::string_view word : split_words(after_equals(line_))) {
            const auto count = parse_long(word);
            if (!count || *count < 1) malformed("ions per type must be positive counts, got " + show(line_));
            counts_.push_back(*count);
        }
    }

    const std::vector<int>& species() {
        if (!species_.empty()) return species_;
        long total = 0;
        for (const long count : counts_) total += std::min(count, most_atoms - total);
        if (total >= most_atoms || total > lines_.bytes_at_most() / 6)
            lines_.fail(fmt::format("'ions per type' says more atoms than this file can hold"));
        if (counts_.empty()) lines_.fail("no line 'ions per type' before the first step; a whole OUTCAR is needed");
        if (titles_.empty() && names_.empty()) titles_ = listed_potentials();
        const std::size_t named = std::max(titles_.size(), names_.size());
        if (named < counts_.size())
            lines_.fail(
                fmt::format("{} potentials (TITEL) for {} types of ions; one for each is needed above the first step",
                            named, counts_.size()));
        for (std::size_t type = 0; type < counts_.size(); ++type) {
            std::optional<int> z = type < titles_.size() ? titles_[type] : std::nullopt;
            if (!z && type < names_.size()) z = names_[type];
            if (!z)
                lines_.fail(
                    fmt::format("TITEL and VRHFIN of type {} name no element; a chemical symbol is needed", type + 1));
            species_.insert(species_.end(), static_cast<std::size_t>(counts_[type]), *z);
        }
        return species_;
    }

    /// Elements by the lines "POTCAR:", which stand for all types one or several times; empty if they do not.
    [[nodiscard]] std::vector<std::optional<int>> listed_potentials() const {
        const std::size_t n = counts_.size();
        if (potentials_.empty() || potentials_.size() % n != 0) return {};
        for (std::size_t k = n; k < potentials_.size(); ++k)
            if (potentials_[k] != potentials_[k - n]) return {};
        return {potentials_.begin(), potentials_.begin() + static_cast<std::ptrdiff_t>(n)};
    }

    /// The numbers of the line from column `first` on; false if one of them overflowed.
    bool read_numbers(std::size_t first, std::span<double> numbers, const char* what) {
        split_columns(line_, words_);
        const bool enough = words_.size() >= first + numbers.size();
        for (std::size_t k = 0; k < numbers.size(); ++k) {
            if (first + k < words_.size() && is_overflow(words_[first + k])) return false;
            const auto value = enough ? parse_double(words_[first + k]) : std::nullopt;
            if (!value) malformed(fmt::format("{} must be {} numbers, got {}", what, numbers.size(), show(line_)));
            numbers[k] = *value;
        }
        return true;
    }

    void read_cell() {
        Matrix3 cell;
        for (int axis = 0; axis < 3; ++axis) {
            next_line();
            double vector[3];
            if (!read_numbers(0, vector, "a lattice vector"))
                malformed("a lattice vector is too long for its column; a cell below 1000 Å is needed");
            cell.col(axis) = Eigen::Map<const Vector3>(vector);
        }
        cell_ = cell;
    }

    void read_pressure() {
        double p[6];
        if (read_numbers(2, p, "the stress")) {
            pressure_.emplace();
            *pressure_ << p[0], p[3], p[5], p[3], p[1], p[4], p[5], p[4], p[2];
        } else {
            pressure_overflowed_ = true;
        }
    }

    void read_atoms() {
        Step step;
        step.origin = lines_.place();
        step.machine_learned = contains(line_, "(ML)");
        const auto n = static_cast<Eigen::Index>(species().size());
        if (!cell_) lines_.fail("no 'direct lattice vectors' before these positions; a whole OUTCAR is needed");
        step.positions.resize(3, n);
        step.forces.resize(3, n);
        next_line();
        if (!contains(line_, "----")) malformed("a line of dashes is needed under the title of the forces");
        for (Eigen::Index i = 0; i < n; ++i) {
            next_line();
            double row[6] = {};
            if (!read_numbers(0, row, "position and force of an atom")) step.overflowed = true;
            step.positions.col(i) = Eigen::Map<const Vector3>(row);
            step.forces.col(i) = Eigen::Map<const Vector3>(row + 3);
        }
        next_line();
        if (!contains(line_, "----"))
            malformed(fmt::format("a line of dashes is needed after the {} atoms of 'ions per type'", n));
        step_ = std::move(step);
        if (energy_before_) finish_step(*energy_before_);
    }

    /// @param line  with the free energy
    void finish_step(const std::string& line) {
        const auto words = split_words(after_equals(line));
        const bool overflowed = !words.empty() && is_overflow(words[0]);
        const auto energy = words.size() > 1 && words[1] == "eV" ? parse_double(words[0]) : std::nullopt;
        if (!energy && !overflowed) malformed("the free energy TOTEN must be a number of eV, got " + show(line));
        const Step step = std::move(*step_);
        step_.reset();
        energy_before_.reset();
        entropy_of_last_ = false;
        if (step.machine_learned) {
            ++omitted_.machine_learned;
        } else if (not_reached_ || (electronic_limit_ && electronic_steps_ >= *electronic_limit_)) {
            ++omitted_.unconverged;
        } else if (step.overflowed || overflowed || pressure_overflowed_) {
            ++omitted_.overflowed;
        } else {
            add_step(step, *energy);
            entropy_of_last_ = true;
        }
        pressure_.reset();
        pressure_overflowed_ = false;
        if (!step.machine_learned) {
            electronic_steps_ = 0;
            not_reached_ = false;
        }
    }

    void add_step(const Step& step, double energy) {
        LabeledStructure item;
        item.origin = step.origin;
        item.structure.periodic = {true, true, true};
        item.structure.species = species();
        item.structure.cell = *cell_;
        item.structure.positions = step.positions;
        item.labels.energy = energy;
        item.labels.forces = step.forces;
        if (pressure_) item.labels.stress = stress_of_pressure(*pressure_);
        try {
            item.structure.validate();
        } catch (const InputError& error) {
            throw InputError(item.origin + ": " + error.what());
        }
        file_.structures.push_back(std::move(item));
    }

    void read_entropy() {
        if (!entropy_of_last_) return;
        entropy_of_last_ = false;
        const LabeledStructure& last = file_.structures.back();
        const auto words = split_words(after_equals(line_));
        const auto energy = words.empty() ? std::nullopt : parse_double(words[0]);
        if (!energy) return;
        const double entropy = std::abs(*last.labels.energy - *energy) / static_cast<double>(last.structure.size());
        file_.electronic_entropy = std::max(file_.electronic_entropy.value_or(0.0), entropy);
    }

    LineReader lines_;
    std::string line_;
    std::vector<std::string_view> words_;

    std::vector<std::optional<int>> titles_, names_;  ///< elements of the potentials by TITEL, by VRHFIN
    std::vector<std::optional<int>> potentials_;      ///< by the lines POTCAR:
    std::vector<long> counts_;                        ///< ions per type
    std::vector<int> species_;
    std::optional<long> electronic_limit_;  ///< NELM

    std::optional<Matrix3> cell_, pressure_;
    bool pressure_overflowed_ = false;
    long electronic_steps_ = 0;
    bool not_reached_ = false;
    std::optional<Step> step_;  ///< positions and forces that wait for their energy
    /// Line of a free energy that no positions stood before: VASP up to 5.2.2 prints it, and the stress, first. Good
    /// until the electrons go on to the next step.
    std::optional<std::string> energy_before_;
    bool entropy_of_last_ = false;

    OmittedSteps omitted_;
    DataFile file_;
};

}  // namespace

DataFile read_outcar(const std::string& path) { return OutcarReader(path).read(); }

}  // namespace mlff
