#include "analysis/conductivity.hpp"

#include <fmt/format.h>

#include <cmath>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::analysis {
namespace {

/// 1 e²/(eV Å fs) in S/cm: e/(1 V · 1e-10 m · 1e-15 s), e = 1.602176634e-19 C, and 1 S/m = 0.01 S/cm.
constexpr double siemens_per_cm = 1.602176634e4;

DiffusionOptions of_charged(const ConductivityOptions& options) {
    options.validate();
    DiffusionOptions diffusion = options.diffusion;
    diffusion.species.clear();
    for (const auto& [z, charge] : options.charges) diffusion.species.push_back(z);
    return diffusion;
}

}  // namespace

void ConductivityOptions::validate() const {
    if (charges.empty()) throw InputError("charges is empty; give the charge [e] of the ions, such as {Ag: 1, I: -1}");
    for (const auto& [z, charge] : charges)
        if (!std::isfinite(charge) || charge == 0.0)
            throw InputError(fmt::format("charges: {} of {} is not usable; it must be a number and not zero", charge,
                                         element_symbol(z)));
    if (temperature && !(*temperature > 0.0))
        throw InputError(fmt::format("temperature is {}; it must be positive", *temperature));
    diffusion.validate();
}

ConductivityMeter::ConductivityMeter(const ConductivityOptions& options)
    : options_(options),
      tracers_(of_charged(options)),
      charge_(static_cast<std::size_t>(options.diffusion.max_frames)) {}

void ConductivityMeter::add(const Frame& frame) {
    const Structure& structure = frame.structure;
    const auto& periodic = structure.periodic;
    if (!structure.has_volume() || !(periodic[0] && periodic[1] && periodic[2]))
        throw InputError(frame.origin + ": a conductivity needs a volume, so a cell with three periodic axes");
    tracers_.add(frame);
    if (n_frames_++ == 0) {
        weights_ = framework_weights(frame, options_.diffusion.framework);
        charges_ = Eigen::VectorXd::Zero(structure.size());
        for (Eigen::Index i = 0; i < structure.size(); ++i) {
            const auto found = options_.charges.find(structure.species[static_cast<std::size_t>(i)]);
            if (found == options_.charges.end()) continue;
            charges_[i] = found->second;
            counts_[found->first] += 1.0;
        }
    }
    volume_sum_ += structure.volume();
    if (frame.temperature) {
        temperature_sum_ += *frame.temperature;
        ++n_temperatures_;
    }
    if (!charge_.counts()) return;
    const Vector3 centre = frame.path * weights_;
    charge_.keep({frame.time, (frame.path * charges_ - charges_.sum() * centre).transpose().array()});
}

Conductivity ConductivityMeter::result() const {
    Conductivity out;
    out.tracers = tracers_.result();
    if (options_.temperature)
        out.temperature = *options_.temperature;
    else if (n_temperatures_ > 0)
        out.temperature = temperature_sum_ / static_cast<double>(n_temperatures_);
    if (!(out.temperature > 0.0))
        throw InputError("the frames tell no temperature; give the temperature [K] of the conductivity");
    out.volume = volume_sum_ / static_cast<double>(n_frames_);
    out.charge = displacement_of(charge_, 0, 1, options_.diffusion, "the charge");

    // From q² D in e² cm²/s.
    const double factor =
        siemens_per_cm / units::square_angstrom_per_fs_in_cm2_per_s / (out.volume * units::boltzmann * out.temperature);
    double variance = 0.0;
    bool errors_known = true;
    for (const Diffusion& tracer : out.tracers) {
        const double charge = options_.charges.at(tracer.species);
        const double weight = factor * counts_.at(tracer.species) * charge * charge;
        out.nernst_einstein += weight * tracer.fit;
        errors_known = errors_known && tracer.fit_error;
        if (tracer.fit_error) variance += std::pow(weight * *tracer.fit_error, 2);
    }
    if (errors_known) out.nernst_einstein_error = std::sqrt(variance);
    out.collective = factor * out.charge.fit;
    if (out.charge.fit_error) out.collective_error = factor * *out.charge.fit_error;
    if (out.collective > 0.0) out.haven_ratio = out.nernst_einstein / out.collective;
    return out;
}

}  // namespace mlff::analysis
