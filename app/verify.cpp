#include "app/python_module.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::app {

void verify(const VerifyArguments& arguments, const Communicator& world) {
    if (!world.alone()) throw InputError("verify starts its hosts itself; call it without mpirun");
    std::vector<std::string> words = {arguments.model, arguments.structures};
    if (!arguments.lammps.empty()) words.insert(words.end(), {"--lammps", arguments.lammps});
    if (!arguments.plugins.empty()) words.insert(words.end(), {"--plugins", arguments.plugins});
    become_python_module("mlff.verify", words);
}

void lammps_plugin(const LammpsPluginArguments& arguments) {
    std::vector<std::string> words;
    if (!arguments.lammps.empty()) words.insert(words.end(), {"--lammps", arguments.lammps});
    if (!arguments.output.empty()) words.insert(words.end(), {"--output", arguments.output});
    if (!arguments.mpi_include.empty()) words.insert(words.end(), {"--mpi-include", arguments.mpi_include});
    become_python_module("mlff.lammps", words);
}

}  // namespace mlff::app
