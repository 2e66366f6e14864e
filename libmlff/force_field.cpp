#include "libmlff/force_field.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/learning/design_matrix.hpp"
#include "libmlff/parallel/communicator.hpp"

namespace mlff {
namespace {

using Eigen::Index;

/// References up to which every rank has the factor of the posterior (134 MB at most) and computes its share of the
/// variances; beyond, it is rank 0's alone.
constexpr Index most_shared = 4096;

constexpr Index batch_size = 64;  ///< atoms per pair of matrix products: wide enough for gemm, small enough for cache

}  // namespace

LocalReferences LocalReferences::subset(const std::vector<Index>& which) const {
    LocalReferences part;
    part.features.resize(features.rows(), static_cast<Index>(which.size()));
    for (std::size_t k = 0; k < which.size(); ++k) {
        const auto old = static_cast<std::size_t>(which[k]);
        part.features.col(static_cast<Index>(k)) = features.col(which[k]);
        part.structure.push_back(structure[old]);
        part.atom.push_back(atom[old]);
    }
    return part;
}

void ForceFieldOptions::validate() const {
    descriptor.validate();
    if (kernel_power < 1 || kernel_power > 16)
        throw std::invalid_argument(fmt::format("kernel_power must be 1 to 16, got {}", kernel_power));
    if (!(keep > 0.0 && keep <= 1.0))
        throw std::invalid_argument(fmt::format("angular.keep must be above 0 and at most 1, got {}", keep));
}

ForceField::ForceField(std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power,
                       std::vector<int> species, std::vector<LocalReferences> references, Eigen::VectorXd e0,
                       bayes::Posterior posterior, LabelScales scales, Provenance provenance, Calibration calibration)
    : descriptor_(std::move(descriptor)),
      kernel_power_(kernel_power),
      species_(std::move(species)),
      references_(std::move(references)),
      first_{0},
      e0_(std::move(e0)),
      posterior_(std::move(posterior)),
      scales_(scales),
      provenance_(std::move(provenance)),
      calibration_(calibration) {
    if (references_.size() != species_.size() || e0_.size() != n_channels())
        throw std::invalid_argument("a force field needs references and e0 for each of its species");
    if (kernel_power_ < 1) throw std::invalid_argument(fmt::format("kernel power {} of a force field", kernel_power_));
    if (!e0_.allFinite()) throw std::invalid_argument("e0 of a force field is not finite");
    for (const double scale : {scales_.energy, scales_.force, scales_.stress})
        if (!(scale > 0.0 && std::isfinite(scale)))
            throw std::invalid_argument(fmt::format("label scale {} of a force field is not positive", scale));
    for (const double factor : {calibration_.energy, calibration_.force, calibration_.stress})
        if (!(factor > 0.0 && std::isfinite(factor)))
            throw std::invalid_argument(fmt::format("calibration factor {} of a force field is not positive", factor));
    for (const auto& set : references_) {
        if (!set.features.allFinite()) throw std::invalid_argument("local references are not finite");
        if (static_cast<Index>(set.structure.size()) != set.size() || set.atom.size() != set.structure.size())
            throw std::invalid_argument(fmt::format("{} local references come from {} structures and {} atoms",
                                                    set.size(), set.structure.size(), set.atom.size()));
        if (set.size() > 0 && set.features.rows() != descriptor_->size())
            throw std::invalid_argument(fmt::format("local references have {} components, the descriptor has {}",
                                                    set.features.rows(), descriptor_->size()));
        first_.push_back(first_.back() + set.size());
    }
    if (posterior_.size() != n_references())
        throw std::invalid_argument(
            fmt::format("{} weights for {} local references", posterior_.size(), n_references()));
}

ForceField ForceField::with_calibration(const Calibration& calibration) const {
    ForceField result(descriptor_, kernel_power_, species_, references_, e0_, posterior_, scales_, provenance_,
                      calibration);
    result.production_ = production_;
    return result;
}

ForceField ForceField::with_production(std::optional<ProductionForm> form) const {
    if (form) {
        if (form->terms.size() != species_.size() || form->weights.size() != species_.size())
            throw std::invalid_argument("a production form needs terms and weights for each species");
        for (std::size_t s = 0; s < species_.size(); ++s) {
            const auto& terms = form->terms[s];
            const auto& weights = form->weights[s];
            if (terms.rows() != descriptor_->size() || terms.cols() != weights.size())
                throw std::invalid_argument(
                    fmt::format("production form: {} x {} terms with {} weights; the descriptor has {} components",
                                terms.rows(), terms.cols(), weights.size(), descriptor_->size()));
            if (!terms.allFinite() || !weights.allFinite())
                throw std::invalid_argument("the production form is not finite");
        }
    }
    ForceField result = *this;
    result.production_ = std::move(form);
    return result;
}

Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor, const Environments& environments) {
    Eigen::MatrixXd features(descriptor.size(), environments.n_atoms());
#pragma omp parallel
    {
        descriptors::Descriptor::Workspace work;
#pragma omp for schedule(static)
        for (Index i = 0; i < environments.n_atoms(); ++i)
            descriptor.value(environments.environment(i), work, features.col(i));
    }
    return features;
}

template <class Real>
struct ForceFieldCalculator::Products {
    Eigen::MatrixX<Real> features;    ///< x̂, D × n
    Eigen::MatrixX<Real> similarity;  ///< x̂·t, n_terms × n
    Eigen::MatrixX<Real> slope;       ///< dE/d(x̂·t)
    Eigen::MatrixX<Real> gradient;    ///< dE/dx̂, D × n
};

struct ForceFieldCalculator::ThreadScratch {
    std::vector<descriptors::Descriptor::Workspace> work{static_cast<std::size_t>(batch_size)};
    Eigen::MatrixXd features;
    Products<double> in_double;
    Products<float> in_single;
    Eigen::VectorXd gradient;
    Matrix3X pairs;
    Matrix3X forces;
    Matrix3 virial;  ///< Σ r_ij ⊗ dE/dr_ij [eV]
};

ForceFieldCalculator::ForceFieldCalculator(ForceField force_field, double skin, Communicator* world)
    : force_field_(std::move(force_field)),
      environments_(force_field_.species(), force_field_.descriptor().cutoff(), skin,
                    world ? Share{world->rank(), world->size()} : Share{}),
      world_(world && !world->alone() ? world : nullptr) {
    if (const auto& form = force_field_.production(); form && form->single_precision)
        for (std::size_t s = 0; s < form->terms.size(); ++s) {
            single_terms_.emplace_back(form->terms[s].cast<float>());
            single_weights_.emplace_back(form->weights[s].cast<float>());
        }
    if (world_ == nullptr || world_->rank() != 0) return;
    handle_ = world_->new_handle();
    world_->start(Task::load_force_field, Message::of(handle_, skin, encode_model(force_field_, shares_variances())));
    do_share(world_, [] {});
    world_->done();
}

ForceFieldCalculator::~ForceFieldCalculator() {
    if (handle_ == 0 || world_->in_task()) return;  // in a task only if that went wrong: all ranks end then
    world_->start(Task::drop_force_field, Message::of(handle_));
    world_->done();
}

void ForceFieldCalculator::predict_batch(int channel, std::span<const Index> atoms, ThreadScratch& scratch,
                                         Evaluation& result) const {
    const auto s = static_cast<std::size_t>(channel);
    if (!single_terms_.empty())
        predict_batch(channel, atoms, single_terms_[s], single_weights_[s], scratch.in_single, scratch, result);
    else if (const auto& form = force_field_.production())
        predict_batch(channel, atoms, form->terms[s], form->weights[s], scratch.in_double, scratch, result);
    else
        predict_batch(channel, atoms, force_field_.references(channel).features,
                      force_field_.posterior().weights().segment(force_field_.first(channel),
                                                                 force_field_.references(channel).size()),
                      scratch.in_double, scratch, result);
}

template <class Real, class Terms, class Weights>
void ForceFieldCalculator::predict_batch(int channel, std::span<const Index> atoms, const Terms& terms,
                                         const Weights& weights, Products<Real>& products, ThreadScratch& scratch,
                                         Evaluation& result) const {
    const auto& descriptor = force_field_.descriptor();
    const auto n = static_cast<Index>(atoms.size());
    scratch.features.resize(descriptor.size(), n);
    for (Index k = 0; k < n; ++k)
        descriptor.value(environments_.environment(atoms[static_cast<std::size_t>(k)]),
                         scratch.work[static_cast<std::size_t>(k)], scratch.features.col(k));
    products.features = scratch.features.template cast<Real>();
    products.similarity.noalias() = terms.transpose() * products.features;
    products.slope.resize(terms.cols(), n);
    for (Index k = 0; k < n; ++k) {
        // v s^(ζ-1), column by column so that it stays in cache
        auto slope = products.slope.col(k).array();
        const auto similarity = products.similarity.col(k).array();
        slope = weights.array();
        for (int power = 1; power < force_field_.kernel_power(); ++power) slope *= similarity;
        result.atom_energies[atoms[static_cast<std::size_t>(k)]] =
            force_field_.e0()[channel] + (slope * similarity).template cast<double>().sum();
        slope *= static_cast<Real>(force_field_.kernel_power());
    }
    products.gradient.noalias() = terms * products.slope;
    const NeighborList& neighbors = environments_.neighbors();
    for (Index k = 0; k < n; ++k) {
        const Index i = atoms[static_cast<std::size_t>(k)], first = neighbors.first(i);
        const auto environment = environments_.environment(i);
        if (scratch.pairs.cols() < environment.size()) scratch.pairs.resize(3, 2 * environment.size());
        auto pairs = scratch.pairs.leftCols(environment.size());
        scratch.gradient = products.gradient.col(k).template cast<double>();
        descriptor.adjoint(environment, scratch.work[static_cast<std::size_t>(k)], scratch.features.col(k),
                           scratch.gradient, pairs);
        Vector3 total = Vector3::Zero();
        for (Index p = 0; p < environment.size(); ++p) {
            const Vector3 g = pairs.col(p);
            total += g;
            scratch.forces.col(neighbors.neighbor(first + p)) -= g;
            scratch.virial += environment.vectors.col(p) * g.transpose();
        }
        scratch.forces.col(i) += total;
    }
}

void ForceFieldCalculator::evaluate_share(const Structure& structure, Evaluation& result, Matrix3& virial) {
    environments_.update(structure);
    result.atom_energies.setZero(structure.size());
    struct Batch {
        int channel;
        std::span<const Index> atoms;
    };
    std::vector<Batch> batches;
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto atoms = environments_.atoms(channel);
        for (std::size_t begin = 0; begin < atoms.size(); begin += batch_size)
            batches.push_back({channel, atoms.subspan(begin, std::min<std::size_t>(batch_size, atoms.size() - begin))});
    }
    scratch_.resize(static_cast<std::size_t>(omp_get_max_threads()));
    int n_threads = 1;
#pragma omp parallel
    {
#pragma omp single
        n_threads = omp_get_num_threads();
        ThreadScratch& scratch = scratch_[static_cast<std::size_t>(omp_get_thread_num())];
        scratch.forces.setZero(3, structure.size());
        scratch.virial.setZero();
        // Static shares and a reduction in the order of the threads: same thread count, same bits.
#pragma omp for schedule(static)
        for (std::size_t b = 0; b < batches.size(); ++b)
            predict_batch(batches[b].channel, batches[b].atoms, scratch, result);
    }
    result.forces.setZero(3, structure.size());
    virial.setZero();
    for (int t = 0; t < n_threads; ++t) {
        result.forces += scratch_[static_cast<std::size_t>(t)].forces;
        virial += scratch_[static_cast<std::size_t>(t)].virial;
    }
}

Evaluation ForceFieldCalculator::evaluate(const Structure& structure, const Request& request) {
    if (handle_ != 0)
        world_->start(Task::evaluate, Message::of(handle_, structure, request.uncertainty, request.spilling));
    Evaluation result;
    Matrix3 virial;
    DesignRows rows;
    do_share(world_, [&] {
        evaluate_share(structure, result, virial);
        if (request.uncertainty)
            rows = design_rows(force_field_.descriptor(), force_field_.kernel_power(), force_field_.references(),
                               environments_, structure);
        if (request.spilling) result.spilling = spilling_factors();
    });
    if (world_) {
        sums_.resize(3 * structure.size() + structure.size() + 9 + result.spilling.size());
        sums_ << result.forces.reshaped(), result.atom_energies, virial.reshaped(), result.spilling;
        world_->sum(sums_);
        const Index n = structure.size();
        result.forces.reshaped() = sums_.head(3 * n);
        result.atom_energies = sums_.segment(3 * n, n);
        virial.reshaped() = sums_.segment(4 * n, 9);
        result.spilling = sums_.tail(result.spilling.size());
    }
    result.energy = result.atom_energies.sum();
    if (structure.has_volume()) result.stress = to_voigt(virial) / structure.volume();
    if (request.uncertainty) result.uncertainty = uncertainty(std::move(rows), structure);
    if (handle_ != 0) world_->done();
    return result;
}

bool ForceFieldCalculator::shares_variances() const { return force_field_.n_references() <= most_shared; }

Uncertainty ForceFieldCalculator::uncertainty(DesignRows rows, const Structure& structure) const {
    const LabelScales& scales = force_field_.scales();
    const bayes::Posterior& posterior = force_field_.posterior();
    const double noise = std::sqrt(posterior.noise_variance());
    Uncertainty out;
    out.noise_energy = noise * scales.energy;
    out.noise_force = noise * scales.force;
    out.noise_stress = noise * scales.stress;
    if (world_) {
        world_->sum(rows.energy);
        world_->sum(rows.stress);
        if (shares_variances())
            rows.forces = world_->sum_columns(rows.forces);
        else
            world_->sum(rows.forces);
        if (world_->rank() != 0) {
            if (shares_variances())
                (void)world_->gather(Message::of(
                    Eigen::VectorXd(posterior.variance(rows.forces / scales.force).cwiseSqrt() * scales.force)));
            return out;
        }
    }

    // Columns of the design rows in the units of the regression; deviations in theirs.
    const auto deviation = [&](Eigen::MatrixXd phi, double scale) -> Eigen::VectorXd {
        phi /= scale;
        return posterior.variance(std::move(phi)).cwiseSqrt() * scale;
    };
    out.energy = deviation(std::move(rows.energy), scales.energy)[0];
    Eigen::VectorXd forces = deviation(std::move(rows.forces), scales.force);
    if (world_ && shares_variances()) {
        const auto all = world_->gather(Message::of(forces));
        forces.resize(3 * structure.size());
        Index first = 0;
        for (Message message : all) {
            const auto block = message.get<Eigen::VectorXd>();
            forces.segment(first, block.size()) = block;
            first += block.size();
        }
    }
    out.forces = Eigen::Map<const Matrix3X>(forces.data(), 3, structure.size());
    if (rows.stress.cols() == 6) out.stress = deviation(std::move(rows.stress), scales.stress);
    return out;
}

Eigen::VectorXd ForceFieldCalculator::spilling_factors() {
    if (spilling_.empty())
        for (int channel = 0; channel < force_field_.n_channels(); ++channel)
            spilling_.emplace_back(bayes::factor_kernel(
                bayes::kernel_matrix(force_field_.references(channel).features, force_field_.kernel_power())));
    Eigen::VectorXd out = Eigen::VectorXd::Zero(environments_.n_atoms());
    const Eigen::MatrixXd features = compute_features(force_field_.descriptor(), environments_);
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto atoms = environments_.atoms(channel);
        if (atoms.empty()) continue;
        Eigen::MatrixXd own(features.rows(), static_cast<Index>(atoms.size()));
        for (std::size_t k = 0; k < atoms.size(); ++k) own.col(static_cast<Index>(k)) = features.col(atoms[k]);
        const Eigen::VectorXd self = own.colwise().squaredNorm().transpose();  // 1, or 0 without neighbours
        const Eigen::VectorXd factors = spilling_[static_cast<std::size_t>(channel)](
            bayes::kernel_matrix(force_field_.references(channel).features, own, force_field_.kernel_power()), self);
        for (std::size_t k = 0; k < atoms.size(); ++k) out[atoms[k]] = factors[static_cast<Index>(k)];
    }
    return out;
}

void ForceFieldCalculator::check(const Structure& structure) const { environments_.check(structure); }

std::string ForceFieldCalculator::description() const {
    std::vector<std::string> parts;
    const auto& form = force_field_.production();
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto s = static_cast<std::size_t>(channel);
        parts.push_back(fmt::format("{} {}", form ? form->weights[s].size() : force_field_.references(channel).size(),
                                    element_symbol(force_field_.species()[s])));
    }
    return fmt::format("machine-learned force field, {} {}, trained on {}",
                       form ? "production form, terms" : "local references", fmt::join(parts, ", "),
                       force_field_.provenance().reference);
}

}  // namespace mlff
