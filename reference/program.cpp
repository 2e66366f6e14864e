#include "reference/program.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <Eigen/LU>
#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/outcar.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/io/vasp_output.hpp"
#include "libmlff/io/vasprun.hpp"
#include "reference/cp2k.hpp"
#include "reference/quantum_espresso.hpp"

namespace mlff::reference {
namespace {

namespace fs = std::filesystem;

constexpr const char* log_name = "program.log";
constexpr const char* output_name = "program.out";

/// Elements of a POSCAR of the structure: each once, in the order of first occurrence.
std::vector<int> poscar_species(const Structure& structure) {
    std::vector<int> kinds;
    for (const int z : structure.species)
        if (std::find(kinds.begin(), kinds.end(), z) == kinds.end()) kinds.push_back(z);
    return kinds;
}

/// Atoms in the order of a POSCAR.
std::vector<Eigen::Index> poscar_order(const Structure& structure) {
    std::vector<Eigen::Index> order;
    for (const int kind : poscar_species(structure))
        for (Eigen::Index i = 0; i < structure.size(); ++i)
            if (structure.species[static_cast<std::size_t>(i)] == kind) order.push_back(i);
    return order;
}

/// VASP reads the potentials in order and does not compare them with the POSCAR.
void require_potcar_order(const std::string& path, const Structure& structure) {
    std::vector<int> titles;
    LineReader lines(path);
    for (std::string line; lines.next(line);) {
        const auto title = line.find("TITEL");
        const auto equals = title == std::string::npos ? title : line.find('=', title);
        if (equals == std::string::npos) continue;
        titles.push_back(potential_species(std::string_view(line).substr(equals + 1)).value_or(0));
    }
    const auto names = [](const std::vector<int>& numbers) {
        std::string text;
        for (const int z : numbers) text += (text.empty() ? "" : " ") + (z > 0 ? element_symbol(z) : std::string("?"));
        return text;
    };
    if (const auto kinds = poscar_species(structure); titles != kinds)
        throw InputError(fmt::format("{}: potentials of {}, but the structure has {} in this order", path,
                                     names(titles), names(kinds)));
}

/// What a position or lattice vector may be off [Å]: OUTCAR has five decimals, other programs fewer.
constexpr double same_place = 1e-3;

/// r without the lattice vectors of the periodic axes: as short as rounding makes it.
Vector3 without_lattice_vectors(Vector3 r, const Structure& structure) {
    if (!structure.has_volume()) return r;
    const Vector3 whole = (structure.cell.inverse() * r).array().round();
    for (Eigen::Index axis = 0; axis < 3; ++axis)
        if (structure.periodic[static_cast<std::size_t>(axis)]) r -= whole[axis] * structure.cell.col(axis);
    return r;
}

/// A program may sort its atoms, turn the cell or read another file; its forces are then those of another structure.
void require_same_structure(const LabeledStructure& answer, const Structure& asked,
                            const std::vector<Eigen::Index>& order) {
    const Structure& given = answer.structure;
    for (Eigen::Index axis = 0; axis < 3; ++axis) {
        const Vector3 a = given.cell.col(axis), b = asked.cell.col(axis);
        if (asked.periodic[static_cast<std::size_t>(axis)] && !((a - b).norm() <= same_place))
            throw InputError(fmt::format(
                "{}: lattice vector {} is ({:.6g}, {:.6g}, {:.6g}), but ({:.6g}, {:.6g}, {:.6g}) was asked for; the "
                "result must stand in the cell of the question, not turned or changed",
                answer.origin, axis + 1, a[0], a[1], a[2], b[0], b[1], b[2]));
    }
    const auto distance = [&](Eigen::Index k, Eigen::Index of) {
        const Eigen::Index i = order[static_cast<std::size_t>(of)];
        return without_lattice_vectors(given.positions.col(k) - asked.positions.col(i), asked).norm();
    };
    for (Eigen::Index k = 0; k < asked.size(); ++k) {
        const double off = distance(k, k);
        if (off <= same_place) continue;
        for (Eigen::Index other = 0; other < asked.size(); ++other)
            if (distance(k, other) <= same_place)
                throw InputError(
                    fmt::format("{}: atom {} stands where atom {} was asked for; the order of the atoms "
                                "must stay",
                                answer.origin, k + 1, other + 1));
        throw InputError(
            fmt::format("{}: atom {} stands {:.3g} Å from where it was asked for; the result is of another "
                        "structure",
                        answer.origin, k + 1, off));
    }
}

/// The labels of a structure that a program has written, in the order of ours.
/// @param structure  as the program was given it
Evaluation evaluation_of(const LabeledStructure& answer, const Structure& structure,
                         const std::vector<Eigen::Index>& order) {
    if (answer.structure.size() != structure.size())
        throw InputError(fmt::format("{}: {} atoms, but {} were asked for", answer.origin, answer.structure.size(),
                                     structure.size()));
    if (!answer.labels.energy || !answer.labels.forces)
        throw CallFailure(fmt::format("{}: no energy or forces", answer.origin));
    Evaluation result;
    result.energy = *answer.labels.energy;
    result.forces.resize(3, structure.size());
    for (Eigen::Index k = 0; k < structure.size(); ++k) {
        const Eigen::Index i = order[static_cast<std::size_t>(k)];
        if (answer.structure.species[static_cast<std::size_t>(k)] != structure.species[static_cast<std::size_t>(i)])
            throw InputError(fmt::format("{}: atom {} is {}, but {} was asked for; the order of the atoms must stay",
                                         answer.origin, k + 1,
                                         element_symbol(answer.structure.species[static_cast<std::size_t>(k)]),
                                         element_symbol(structure.species[static_cast<std::size_t>(i)])));
        result.forces.col(i) = answer.labels.forces->col(k);
    }
    require_same_structure(answer, structure, order);
    result.stress = answer.labels.stress;
    return result;
}

}  // namespace

void ProgramOptions::validate() const {
    if (command.empty()) throw std::invalid_argument("command must say how the program is started");
    if (!(time_limit > 0.0))
        throw std::invalid_argument(fmt::format("time_limit must be positive, got {}", time_limit));
    if (threads < 1) throw std::invalid_argument(fmt::format("threads must be at least 1, got {}", threads));
}

ProgramCode::ProgramCode(ProgramOptions options, Poll poll)
    : options_((options.validate(), std::move(options))), poll_(std::move(poll)) {}

std::string ProgramCode::file(const std::string& name) const {
    return (fs::path(options_.folder) / "work" / name).string();
}

void ProgramCode::check(const Structure& structure) const {
    if (options_.format != ProgramFormat::extxyz && !structure.has_volume())
        throw InputError("this reference needs three lattice vectors; give a molecule a large box");
}

std::string ProgramCode::output() const { return text_from(file(log_name)) + text_from(file(output_name)); }

void ProgramCode::quarantine(const std::string& folder) {
    std::error_code error;
    fs::rename(file(""), fs::path(folder) / "work", error);
    if (error) throw std::runtime_error(fmt::format("{}: {}", file(""), error.message()));
}

void ProgramCode::prepare(const Structure& structure, const Attempt& attempt) const {
    fs::create_directories(file(""));
    const auto kept = [&](const std::string& name) {
        return std::any_of(options_.keep.begin(), options_.keep.end(),
                           [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
    };
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(file("")))
        if (attempt.afresh || !kept(entry.path().filename().string())) old.push_back(entry.path());
    for (const auto& path : old) fs::remove_all(path);

    if (options_.format == ProgramFormat::vasp) write_poscar(file("POSCAR"), structure);
    if (options_.format == ProgramFormat::extxyz)
        write_file_atomically(file("structure.xyz"), format_extxyz(LabeledStructure{structure, {}, {}}));
}

void ProgramCode::run(const Structure& structure, const Attempt& attempt) const {
    auto values = structure_values(structure);
    values["input"] = options_.inputs.main(attempt.rung);
    values["output"] = output_name;
    options_.inputs.write(file(""), attempt.rung, values);
    if (options_.format == ProgramFormat::vasp && fs::exists(file("POTCAR")))
        require_potcar_order(file("POTCAR"), structure);
    ChildProcess program({.command = fill_in(options_.command, values, "command"),
                          .directory = file(""),
                          .log = log_name,
                          .threads = options_.threads});
    if (!program.wait(options_.time_limit, poll_))
        throw CallFailure(fmt::format("the program was not done within time_limit {} s", options_.time_limit));
    if (!program.succeeded()) throw CallFailure(fmt::format("the program ended {}", program.how_it_ended()));
}

Evaluation ProgramCode::call(const Structure& structure, const Attempt& attempt) {
    try {
        prepare(structure, attempt);
        run(structure, attempt);
        return read(structure);
    } catch (const CallFailure& failure) {
        const std::string last = last_lines(output());
        throw CallFailure(failure.what() + (last.empty() ? "" : "; its last words: " + last));
    }
}

Evaluation ProgramCode::read(const Structure& structure) const {
    if (options_.format == ProgramFormat::cp2k) return read_cp2k_output(output(), structure);
    if (options_.format == ProgramFormat::quantum_espresso) return read_quantum_espresso_output(output(), structure);
    const bool vasp = options_.format == ProgramFormat::vasp;
    const std::string name = !vasp ? "result.xyz" : fs::exists(file("vasprun.xml")) ? "vasprun.xml" : "OUTCAR";
    if (!fs::exists(file(name))) throw CallFailure(fmt::format("the program ended well, but left no {}", name));
    std::vector<LabeledStructure> answers;
    try {
        answers = !vasp                   ? read_extxyz(file(name))
                  : name == "vasprun.xml" ? read_vasprun(file(name)).structures
                                          : read_outcar(file(name)).structures;
    } catch (const InputError& error) {  // cut off or unconverged: a fault of this call, not of the user's input
        throw CallFailure(error.what());
    }
    if (answers.size() != 1)
        throw InputError(
            fmt::format("{}: {} structures, but one was asked for (VASP: NSW = 0)", file(name), answers.size()));
    std::vector<Eigen::Index> order = poscar_order(structure);
    if (!vasp)
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<Eigen::Index>(k);
    if (!vasp) return evaluation_of(answers.front(), structure, order);
    Structure of_poscar = right_handed(structure);
    of_poscar.periodic = {true, true, true};
    return evaluation_of(answers.front(), of_poscar, order);
}

}  // namespace mlff::reference
