#include "app/trade_off.hpp"

#include <fmt/format.h>

#include "app/pictures.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/output_file.hpp"

namespace mlff::app {
namespace {

constexpr double milli = 1000.0;

}  // namespace

std::string trial_line(const Trial& trial) {
    const auto& d = trial.force_field.descriptor;
    return fmt::format(
        "radial {:.2f}/{:.2f} Å x{:<2}{} angular {:.2f}/{:.2f} Å x{:<2} l_max {} beta {:.2f} {} power {}{} | "
        "D {:4} refs {:4} {}w_E {:3g} | E {:6.2f} meV/atom  F {:6.1f} meV/Å  S {:.3f} GPa  score {:.5f} | {:5.1f} "
        "us/atom {:5.1f} s{}",
        d.radial.cutoff, d.radial.width, d.radial.functions,
        d.radial.decay > 0.0 ? fmt::format(" decay {:g} Å", d.radial.decay) : "", d.angular.cutoff, d.angular.width,
        d.angular.functions, d.angular.l_max, d.radial_weight, name_of(d.normalization), trial.force_field.kernel_power,
        d.compression == descriptors::Compression::element ? " element" : "", trial.descriptor_size, trial.n_references,
        trial.force_field.metric == Metric::learned ? "learned metric " : "", trial.weights.energy,
        trial.errors.energy * milli, trial.errors.force * milli,
        trial.errors.stress * units::ev_per_cubic_angstrom_in_gpa, trial.score, trial.microseconds, trial.seconds,
        trial.better ? "  better" : "");
}

std::string trade_off_table(const std::vector<Trial>& trials) {
    std::string text = "references       D   us/atom   energy meV/atom   force meV/Å   stress GPa   angular part";
    for (const Trial& trial : trials) {
        const auto& d = trial.force_field.descriptor;
        text += fmt::format("\n{:10} {:7} {:9.1f} {:17.3f} {:13.2f} {:12.4f}   {} functions, l_max {}",
                            trial.n_references, trial.descriptor_size, trial.microseconds, trial.errors.energy * milli,
                            trial.errors.force * milli, trial.errors.stress * units::ev_per_cubic_angstrom_in_gpa,
                            d.angular.functions, d.angular.l_max);
        if (d.compression == descriptors::Compression::element) text += ", compression element";
        if (trial.force_field.metric == Metric::learned) text += ", learned metric";
        if (trial.force_field.keep < 1.0) text += fmt::format(", keep {}", trial.force_field.keep);
    }
    return text;
}

void write_trade_off(const std::vector<Trial>& trials, const std::string& base_path, const Console& console) {
    std::string csv =
        "references,descriptor_size,microseconds_per_atom,energy_rmse_meV_per_atom,force_rmse_meV_per_A,"
        "stress_rmse_GPa,radial_cutoff,radial_width,radial_functions,angular_cutoff,angular_width,angular_functions,"
        "l_max,radial_weight,normalization,kernel_power,compression,metric,keep,energy_weight,seconds\n";
    for (const Trial& trial : trials) {
        const auto& d = trial.force_field.descriptor;
        csv += fmt::format("{},{},{:.3f},{:.6g},{:.6g},{:.6g},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.2f}\n",
                           trial.n_references, trial.descriptor_size, trial.microseconds, trial.errors.energy * milli,
                           trial.errors.force * milli, trial.errors.stress * units::ev_per_cubic_angstrom_in_gpa,
                           d.radial.cutoff, d.radial.width, d.radial.functions, d.angular.cutoff, d.angular.width,
                           d.angular.functions, d.angular.l_max, d.radial_weight, name_of(d.normalization),
                           trial.force_field.kernel_power, name_of(d.compression), name_of(trial.force_field.metric),
                           trial.force_field.keep, trial.weights.energy, trial.seconds);
    }
    write_file_atomically(base_path + ".csv", csv);
    draw_picture("trade_off", base_path + ".csv", base_path, console);
}

}  // namespace mlff::app
