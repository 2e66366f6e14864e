#include <fmt/format.h>

#include <Eigen/LU>
#include <utility>

#include "app/frames.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/lammps.hpp"
#include "libmlff/io/ml_ab.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/io/xdatcar.hpp"

namespace mlff::app {
namespace {

DataFormat output_format(const ConvertArguments& arguments) {
    const std::string writable = "extxyz, poscar, xdatcar, ml_ab and lammps_data are";
    if (arguments.output.ends_with(".gz"))
        throw InputError(arguments.output + ": compressed files are not written; leave .gz out and use gzip");
    const auto format =
        arguments.to.empty() ? format_of_name(arguments.output) : std::optional(format_named(arguments.to));
    if (!format)
        throw InputError(fmt::format("{}: its name does not tell the format; name it with --to ({} written)",
                                     arguments.output, writable));
    switch (*format) {
        case DataFormat::extxyz:
        case DataFormat::poscar:
        case DataFormat::xdatcar:
        case DataFormat::lammps_data:
        case DataFormat::ml_ab:
            return *format;
        case DataFormat::vasprun:
        case DataFormat::outcar:
        case DataFormat::deepmd:
        case DataFormat::lammps_dump:
        case DataFormat::h5md:
            break;
    }
    throw InputError(
        fmt::format("{}: the format {} is read but not written; {}", arguments.output, format_name(*format), writable));
}

FrameFile read(const ConvertArguments& arguments, DataFormat from) {
    std::vector<int> species;
    for (const std::string& symbol : arguments.species) species.push_back(atomic_number(symbol));
    if (!species.empty() && from != DataFormat::lammps_data && from != DataFormat::lammps_dump &&
        from != DataFormat::h5md)
        throw InputError(
            fmt::format("--species is for LAMMPS and H5MD files; {} is {}", arguments.input, format_name(from)));
    const ExtxyzKeys& keys = arguments.keys;
    const bool given = !keys.energy.empty() || !keys.forces.empty() || !keys.stress.empty() || !keys.virial.empty();
    if ((given || keys.stress_unit) && from != DataFormat::extxyz)
        throw InputError(
            fmt::format("the options for keys are for extxyz; {} is {}", arguments.input, format_name(from)));
    return read_frames(arguments.input, from, keys, species);
}

/// The structures that were asked for.
std::vector<ExtxyzFrame> chosen(std::vector<ExtxyzFrame> all, const ConvertArguments& arguments, DataFormat to) {
    const auto n = static_cast<long>(all.size());
    if (arguments.frame > n)
        throw InputError(fmt::format("--frame {}: {} holds {} structures; 1 to {} are there", arguments.frame,
                                     arguments.input, n, n));
    if (arguments.frame > 0 || to == DataFormat::poscar || to == DataFormat::lammps_data) {
        const long one = arguments.frame > 0 ? arguments.frame - 1 : (n - 1) / arguments.every * arguments.every;
        return {std::move(all[static_cast<std::size_t>(one)])};
    }
    std::vector<ExtxyzFrame> some;
    for (std::size_t k = 0; k < all.size(); k += static_cast<std::size_t>(arguments.every))
        some.push_back(std::move(all[k]));
    return some;
}

}  // namespace

void convert(const ConvertArguments& arguments, const Console& console) {
    if (arguments.frame > 0 && arguments.every > 1)
        throw InputError("--frame takes one structure, --every several; give one of the two");
    const DataFormat to = output_format(arguments);
    require_writable(arguments.output);
    const DataFormat from = arguments.from.empty() ? detect_format(arguments.input) : format_named(arguments.from);

    if (from == DataFormat::ml_ab && to == DataFormat::ml_ab && arguments.every == 1 && arguments.frame == 0) {
        // Fields that only ML_AB has (thresholds, names, local references) are kept.
        const MlAb file = read_ml_ab(arguments.input);
        for (const std::string& note : file.notes) console.warn(note);
        write_ml_ab(arguments.output, file);
        console.info(fmt::format("{} structures written to {}", file.configurations.size(), arguments.output));
        return;
    }
    FrameFile file = read(arguments, from);
    for (const std::string& note : file.notes) console.warn(note);
    for (const std::string& note : file.about_labels) console.warn(note);
    const std::size_t n_read = file.frames.size();
    const auto frames = chosen(std::move(file.frames), arguments, to);
    const std::vector<LabeledStructure> structures(frames.begin(), frames.end());
    if (file.lists_references)
        console.info("the list of local references is not taken along (only ML_AB to ML_AB as a whole keeps it)");
    if (const std::string lost = not_kept(frames, to); !lost.empty())
        console.info(fmt::format("{} does not hold: {}", format_name(to), lost));
    switch (to) {
        case DataFormat::poscar:
            if (structures[0].structure.cell.determinant() < 0.0)
                console.info(
                    "the cell is left-handed, which VASP refuses: its lattice vectors are written with the "
                    "opposite sign, which is the same lattice");
            write_poscar(arguments.output, frames[0], frames[0].origin);
            break;
        case DataFormat::xdatcar:
            write_xdatcar(arguments.output, structures);
            break;
        case DataFormat::ml_ab:
            write_ml_ab(arguments.output, make_ml_ab(structures));
            break;
        case DataFormat::lammps_data:
            write_lammps_data(arguments.output, structures[0].structure);
            break;
        default:
            write_extxyz(arguments.output, frames);
    }
    console.info(fmt::format("{} of {} structures ({}) written to {} ({})", structures.size(), n_read,
                             format_name(from), arguments.output, format_name(to)));
}

}  // namespace mlff::app
