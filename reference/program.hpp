#pragma once

#include <string>
#include <vector>

#include "reference/external_code.hpp"
#include "reference/input_files.hpp"
#include "reference/process.hpp"

namespace mlff::reference {

/// How a program reads a structure and writes its results.
enum class ProgramFormat {
    extxyz,            ///< reads structure.xyz, writes result.xyz: extended XYZ in the order of the atoms, eV, Å
    cp2k,              ///< reads {{cell_cp2k}} and {{coordinates}} in its input, writes {{output}} (cp2k.hpp)
    vasp,              ///< reads POSCAR, grouped by species; writes vasprun.xml (or OUTCAR)
    quantum_espresso,  ///< reads {{cell}} and {{coordinates}} in its input; writes {{output}} (quantum_espresso.hpp)
};

struct ProgramOptions {
    ProgramFormat format = ProgramFormat::extxyz;
    std::string command;            ///< run in the working folder, once for each call
    InputFiles inputs;              ///< files of the program
    std::string folder;             ///< holds the working folder `work`; made if there is none
    std::string description;        ///< one line: the code and what it computes
    std::vector<std::string> keep;  ///< files of the last call for the next to start from, such as *.wfn or WAVECAR
    double time_limit = 7200.0;     ///< of one call [s]
    int threads = 1;                ///< OMP_NUM_THREADS of the program

    /// @throws std::invalid_argument naming field, value and bound
    void validate() const;
};

/// A code that is run once for each structure. Before each call the working folder is emptied except for the files to
/// keep (none with Attempt::afresh). Then the filled-in input and the structure are written. The exit status must be 0.
/// Words for input files and command, besides structure_values: input, output.
class ProgramCode final : public ExternalCode {
 public:
    ProgramCode(ProgramOptions options, Poll poll);

    /// @throws CallFailure if the program fails, is not done in time, or leaves no complete result
    /// @throws InputError if it computed other atoms, in another order, at other places or in another cell
    [[nodiscard]] Evaluation call(const Structure& structure, const Attempt& attempt) override;
    [[nodiscard]] std::string output() const override;
    [[nodiscard]] std::size_t n_rungs() const override { return options_.inputs.n_rungs(); }
    void quarantine(const std::string& folder) override;
    /// @throws InputError if the format cannot describe the structure
    void check(const Structure& structure) const override;
    [[nodiscard]] std::string description() const override { return options_.description; }

 private:
    void prepare(const Structure& structure, const Attempt& attempt) const;
    void run(const Structure& structure, const Attempt& attempt) const;
    [[nodiscard]] Evaluation read(const Structure& structure) const;
    [[nodiscard]] std::string file(const std::string& name) const;

    ProgramOptions options_;
    Poll poll_;
};

}  // namespace mlff::reference
