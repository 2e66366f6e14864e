#include "libmlff/model/force_field.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "bayes/kernel.hpp"
#include "bayes/thread_failure.hpp"
#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/design_rows.hpp"
#include "libmlff/parallel/communicator.hpp"

namespace mlff {
namespace {

using Eigen::Index;

/// References up to which every rank has the factor of the posterior (134 MB at most) and computes its share of the
/// variances; beyond, it is rank 0's alone.
constexpr Index most_shared = 4096;

constexpr Index batch_size = 128;  ///< atoms per pair of matrix products: wide enough for gemm, small enough for cache

void gemm(const char* op, int m, int n, int k, const double* A, int lda, const double* B, int ldb, double* C, int ldc) {
    const double one = 1.0, zero = 0.0;
    dgemm_(op, "N", &m, &n, &k, &one, A, &lda, B, &ldb, &zero, C, &ldc);
}
void gemm(const char* op, int m, int n, int k, const float* A, int lda, const float* B, int ldb, float* C, int ldc) {
    const float one = 1.0F, zero = 0.0F;
    sgemm_(op, "N", &m, &n, &k, &one, A, &lda, B, &ldb, &zero, C, &ldc);
}

/// C = A B, or Aᵀ B. An expression would first set C to zero and then add: once more through a large matrix.
template <class Real>
void multiply(bool transposed, const Eigen::MatrixX<Real>& A, const Eigen::MatrixX<Real>& B, Eigen::MatrixX<Real>& C) {
    C.resize(transposed ? A.cols() : A.rows(), B.cols());
    if (C.size() == 0 || B.rows() == 0) {
        C.setZero();
        return;
    }
    const auto size = [](Index n) { return static_cast<int>(n); };
    gemm(transposed ? "T" : "N", size(C.rows()), size(C.cols()), size(B.rows()), A.data(), size(A.rows()), B.data(),
         size(B.rows()), C.data(), size(C.rows()));
}

/// Σ_k e_k in double over an array, in pieces that stay in registers: `apply(first, n)` returns e of a piece, whose
/// length n is known when compiled.
template <class Apply>
double sum_in_pieces(Index size, Apply&& apply) {
    constexpr Index at_once = 32;
    Eigen::Array<double, at_once, 1> sums = Eigen::Array<double, at_once, 1>::Zero();
    double rest = 0.0;
    Index k = 0;
    for (; k + at_once <= size; k += at_once) sums += apply(k, Eigen::fix<at_once>).template cast<double>();
    for (; k < size; ++k) rest += static_cast<double>(apply(k, Eigen::fix<1>)[0]);
    return sums.sum() + rest;
}

/// The local references of a species as they are.
struct Kernel {
    const Eigen::MatrixXd& terms;
    Eigen::VectorBlock<const Eigen::VectorXd> weights;
};

/// Σ_k v_k s_k^ζ; s_k becomes the slope ζ v_k s_k^(ζ-1).
template <class Weights, class Similarity>
double energy_and_slopes(const Weights& v, int power, Similarity s) {
    using Real = typename Similarity::Scalar;
    return sum_in_pieces(s.size(), [&](Index first, auto n) {
        auto part = s.segment(first, n).array();
        const auto similarity = part.eval();
        auto slope = v.segment(first, n).array().eval();
        for (int p = 1; p < power; ++p) slope *= similarity;
        part = static_cast<Real>(power) * slope;
        return (slope * similarity).eval();
    });
}

/// Σ_k v_k φ(c_k, d_k); d_k becomes the slope v_k dφ/dd. With s = c + d, and no differences of like numbers:
///   φ = d² Σ_{j=1}^{ζ-1} j c^(j-1) s^(ζ-1-j),   dφ/dd = ζ d Σ_{j=0}^{ζ-2} s^j c^(ζ-2-j)
template <class Real, class Displacement>
double energy_and_slopes(const Expansion<Real>& model, int power, Displacement d) {
    if (power == 1) {
        d.setZero();
        return 0.0;
    }
    return sum_in_pieces(d.size(), [&](Index first, auto n) {
        auto part = d.segment(first, n).array();
        const auto displacement = part.eval(), c = model.similarities.segment(first, n).array().eval();
        const auto s = (c + displacement).eval();
        auto c_power = c.Ones(c.size()).eval(), of_value = c_power, of_slope = c_power;
        for (int p = 2; p < power; ++p) {
            c_power *= c;
            of_value = of_value * s + static_cast<Real>(p) * c_power;
            of_slope = of_slope * s + c_power;
        }
        const auto v = (model.weights.segment(first, n).array() * displacement).eval();
        part = static_cast<Real>(power) * v * of_slope;
        return (v * displacement * of_value).eval();
    });
}

void require_consistent(const Expansion<double>& expansion, Index n_components) {
    const auto& [constant, centre, slope, projection, terms, similarities, weights] = expansion;
    const Index n_rows = projection.cols() > 0 ? projection.cols() : n_components;
    if (centre.size() != n_components || slope.size() != n_components ||
        (projection.cols() > 0 && projection.rows() != n_components) || terms.rows() != n_rows ||
        terms.cols() != weights.size() || similarities.size() != weights.size())
        throw std::invalid_argument(fmt::format(
            "production form: {} x {} terms, {} weights and a projection of {} x {}; the descriptor has {} components",
            terms.rows(), terms.cols(), weights.size(), projection.rows(), projection.cols(), n_components));
    if (!(std::isfinite(constant) && centre.allFinite() && slope.allFinite() && projection.allFinite() &&
          terms.allFinite() && similarities.allFinite() && weights.allFinite()))
        throw std::invalid_argument("the production form is not finite");
}

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
    part.metric = metric;
    if (metric.size() > 0) part.images = images(Eigen::all, which);
    return part;
}

LocalReferences LocalReferences::with_metric(Eigen::MatrixXd W) const {
    if (W.rows() != features.rows() || !W.allFinite())
        throw std::invalid_argument(fmt::format("a metric of {} x {} for features of {} components, or not finite",
                                                W.rows(), W.cols(), features.rows()));
    LocalReferences set = *this;
    set.images = W * (W.transpose() * features);
    set.metric = std::move(W);
    return set;
}

Eigen::MatrixXd LocalReferences::in_metric(const Eigen::Ref<const Eigen::MatrixXd>& x) const {
    if (metric.size() == 0) return x;
    return metric.transpose() * x;
}

Index count_references(const std::vector<LocalReferences>& references) {
    Index n = 0;
    for (const auto& set : references) n += set.size();
    return n;
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
        if (set.metric.size() > 0 && (set.images.rows() != set.features.rows() || set.images.cols() != set.size()))
            throw std::invalid_argument("local references lack their images under the metric");
        if (set.size() > 0 && set.features.rows() != descriptor_->size())
            throw std::invalid_argument(fmt::format("local references have {} components, the descriptor has {}",
                                                    set.features.rows(), descriptor_->size()));
        first_.push_back(first_.back() + set.size());
    }
    if (posterior_.size() != n_references())
        throw std::invalid_argument(
            fmt::format("{} weights for {} local references", posterior_.size(), n_references()));
}

Metric ForceField::metric() const {
    const bool learned = std::any_of(references_.begin(), references_.end(),
                                     [](const LocalReferences& set) { return set.metric.size() > 0; });
    return learned ? Metric::learned : Metric::plain;
}

ForceField ForceField::with_calibration(const Calibration& calibration) const {
    ForceField result(descriptor_, kernel_power_, species_, references_, e0_, posterior_, scales_, provenance_,
                      calibration);
    result.production_ = production_;
    return result;
}

ForceField ForceField::with_production(std::optional<ProductionForm> form) const {
    if (form) {
        if (form->expansions.size() != species_.size())
            throw std::invalid_argument("a production form needs an expansion for each species");
        for (const auto& expansion : form->expansions) require_consistent(expansion, descriptor_->size());
    }
    ForceField result = *this;
    result.production_ = std::move(form);
    return result;
}

ForceField ForceField::with_posterior_factor(Eigen::MatrixXd factor) const {
    ForceField result = *this;
    result.posterior_ = bayes::Posterior(posterior_.weights(), std::move(factor), posterior_.evidence());
    return result;
}

Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor, const Environments& environments,
                                 std::span<const Index> atoms) {
    Eigen::MatrixXd features(descriptor.size(), static_cast<Index>(atoms.size()));
    ThreadFailure failure;
#pragma omp parallel
    {
        descriptors::Descriptor::Workspace work;
        Environments::Pairs pairs;
#pragma omp for schedule(static)
        for (std::size_t k = 0; k < atoms.size(); ++k)
            failure.collect([&] {
                descriptor.value(environments.environment(atoms[k], pairs), work, features.col(static_cast<Index>(k)));
            });
    }
    failure.rethrow();
    return features;
}

Eigen::MatrixXd compute_features(const descriptors::Descriptor& descriptor, const Environments& environments) {
    std::vector<Index> all(static_cast<std::size_t>(environments.n_atoms()));
    std::iota(all.begin(), all.end(), Index{0});
    return compute_features(descriptor, environments, all);
}

/// Of one batch, in the precision of its products.
template <class Real>
struct ForceFieldCalculator::Products {
    Eigen::MatrixX<Real> features;            ///< x̂, D × n
    Eigen::MatrixX<Real> centred, projected;  ///< of an expansion: y, D × n, and Pᵀy, D' × n; then dE/d(Pᵀy)
    Eigen::MatrixX<Real> similarity;          ///< with the terms, n_terms × n; then the slope of E with them
    Eigen::MatrixX<Real> gradient;            ///< dE/dx̂, D × n
    Eigen::VectorXd energies;                 ///< without e0 [eV], n
    Eigen::Matrix3X<Real> slopes;             ///< dE/dr_ij of one atom [eV/Å]
    descriptors::Descriptor::BasicWorkspace<Real> work;
    std::vector<descriptors::Descriptor::Coefficients<Real>> coefficients{static_cast<std::size_t>(batch_size)};

    /// Energies and their gradient from the features.
    void evaluate(const Kernel& model, int power) {
        multiply(true, model.terms, features, similarity);
        for (Index k = 0; k < features.cols(); ++k)
            energies[k] = energy_and_slopes(model.weights, power, similarity.col(k));
        multiply(false, model.terms, similarity, gradient);
    }
    void evaluate(const Expansion<Real>& model, int power) {
        const bool fewer = model.projection.cols() > 0;
        centred = features.colwise() - model.centre;
        if (fewer) multiply(true, model.projection, centred, projected);
        multiply(true, model.terms, fewer ? projected : centred, similarity);
        for (Index k = 0; k < features.cols(); ++k)
            energies[k] = model.constant + static_cast<double>(model.slope.dot(centred.col(k))) +
                          energy_and_slopes(model, power, similarity.col(k));
        multiply(false, model.terms, similarity, fewer ? projected : gradient);
        if (fewer) multiply(false, model.projection, projected, gradient);
        gradient.colwise() += model.slope;
    }
};

struct ForceFieldCalculator::ThreadScratch {
    Products<double> in_double;
    Products<float> in_single;
    std::vector<Environments::Pairs> pairs{static_cast<std::size_t>(batch_size)};
    std::vector<descriptors::Environment> environments;  ///< of one batch, views of its pairs
    bool too_close = false;                              ///< two atoms are, somewhere
    Matrix3X forces;
    Matrix3 virial;  ///< Σ r_ij ⊗ dE/dr_ij [eV]
};

ForceFieldCalculator::ForceFieldCalculator(ForceField force_field, double skin, Communicator* world)
    : force_field_(std::move(force_field)),
      environments_(force_field_.species(), force_field_.descriptor().cutoff(), skin,
                    world ? Share{world->rank(), world->size()} : Share{}),
      world_(world && !world->alone() ? world : nullptr) {
    if (const auto& form = force_field_.production(); form && form->single_precision)
        for (const auto& expansion : form->expansions) in_single_.push_back(expansion.cast<float>());
    if (world_ == nullptr || world_->rank() != 0) return;
    handle_ = world_->new_handle();
    world_->start(Task::load_force_field, Message::of(handle_, skin, encode_model(force_field_, false)));
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
    if (!in_single_.empty())
        predict_batch(channel, atoms, in_single_[s], scratch.in_single, scratch, result);
    else if (const auto& form = force_field_.production())
        predict_batch(channel, atoms, form->expansions[s], scratch.in_double, scratch, result);
    else
        predict_batch(channel, atoms,
                      Kernel{force_field_.references(channel).multipliers(),
                             force_field_.posterior().weights().segment(force_field_.first(channel),
                                                                        force_field_.references(channel).size())},
                      scratch.in_double, scratch, result);
}

template <class Real, class Model>
void ForceFieldCalculator::predict_batch(int channel, std::span<const Index> atoms, const Model& model,
                                         Products<Real>& products, ThreadScratch& scratch, Evaluation& result) const {
    const auto& descriptor = force_field_.descriptor();
    const auto n = static_cast<Index>(atoms.size());
    auto& [features, centred, projected, similarity, gradient, energies, all_slopes, work, coefficients] = products;
    features.resize(descriptor.size(), n);
    energies.resize(n);
    scratch.environments.clear();
    for (Index k = 0; k < n; ++k) {
        const auto place = static_cast<std::size_t>(k);
        scratch.environments.push_back(environments_.environment(atoms[place], scratch.pairs[place]));
        scratch.too_close |= scratch.pairs[place].too_close;
        descriptor.value(scratch.environments.back(), work, features.col(k));
        work.swap(coefficients[place]);
    }
    products.evaluate(model, force_field_.kernel_power());
    Matrix3 virial = Matrix3::Zero();
    for (Index k = 0; k < n; ++k) {
        const auto place = static_cast<std::size_t>(k);
        const descriptors::Environment& environment = scratch.environments[place];
        result.atom_energies[atoms[place]] = force_field_.e0()[channel] + energies[k];
        if (all_slopes.cols() < environment.size()) all_slopes.resize(3, 2 * environment.size());
        auto slopes = all_slopes.leftCols(environment.size());
        work.swap(coefficients[place]);
        descriptor.adjoint(environment, work, features.col(k), gradient.col(k), slopes);
        work.swap(coefficients[place]);
        Vector3 total = Vector3::Zero();
        for (Index p = 0; p < environment.size(); ++p) {
            const Vector3 g = slopes.col(p).template cast<double>();
            total += g;
            scratch.forces.col(scratch.pairs[place].neighbor[static_cast<std::size_t>(p)]) -= g;
            virial += environment.vectors.col(p) * g.transpose();
        }
        scratch.forces.col(atoms[place]) += total;
    }
    scratch.virial += virial;
}

void ForceFieldCalculator::evaluate_share(const Structure& structure, Evaluation& result, Matrix3& virial) {
    environments_.prepare(structure);
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
        scratch.too_close = false;
        // Static shares and a reduction in the order of the threads: same thread count, same bits.
#pragma omp for schedule(static)
        for (std::size_t b = 0; b < batches.size(); ++b)
            predict_batch(batches[b].channel, batches[b].atoms, scratch, result);
    }
    const bool too_close = std::any_of(scratch_.begin(), scratch_.begin() + n_threads,
                                       [](const ThreadScratch& scratch) { return scratch.too_close; });
    if (too_close) environments_.update(structure);  // throws, and names the atoms
    result.forces.setZero(3, structure.size());
    virial.setZero();
    for (int t = 0; t < n_threads; ++t) {
        result.forces += scratch_[static_cast<std::size_t>(t)].forces;
        virial += scratch_[static_cast<std::size_t>(t)].virial;
    }
}

Evaluation ForceFieldCalculator::evaluate(const Structure& structure, const Request& request) {
    if (handle_ != 0 && request.uncertainty && shares_variances() && !factor_sent_) {
        world_->start(Task::load_factor, Message::of(handle_, force_field_.posterior().factor()));
        do_share(world_, [] {});
        world_->done();
        factor_sent_ = true;
    }
    if (handle_ != 0)
        world_->start(Task::evaluate, Message::of(handle_, structure, request.uncertainty, request.spilling));
    Evaluation result;
    Matrix3 virial;
    DesignRows rows;
    do_share(world_, [&] {
        evaluate_share(structure, result, virial);
        if (request.uncertainty) {
            environments_.update(structure);
            rows = design_rows(force_field_.descriptor(), force_field_.kernel_power(), force_field_.references(),
                               environments_, structure);
        }
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

void ForceFieldCalculator::receive_factor(Eigen::MatrixXd factor) {
    force_field_ = force_field_.with_posterior_factor(std::move(factor));
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
        for (const LocalReferences& set : force_field_.references())
            spilling_.emplace_back(
                bayes::factor_kernel(bayes::kernel_matrix(set.in_metric(set.features), force_field_.kernel_power())));
    Eigen::VectorXd out = Eigen::VectorXd::Zero(environments_.n_atoms());
    constexpr std::size_t at_once = 1024;  // atoms: features of all would be by far the largest array of a run
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto all = environments_.atoms(channel);
        for (std::size_t begin = 0; begin < all.size(); begin += at_once) {
            const auto atoms = all.subspan(begin, std::min(at_once, all.size() - begin));
            const Eigen::MatrixXd own = compute_features(force_field_.descriptor(), environments_, atoms);
            const LocalReferences& set = force_field_.references(channel);
            Eigen::MatrixXd self = set.in_metric(own).colwise().squaredNorm().transpose();  // 0 without neighbours
            bayes::kernel_value(self, force_field_.kernel_power());
            const Eigen::VectorXd factors = spilling_[static_cast<std::size_t>(channel)](
                bayes::kernel_matrix(set.multipliers(), own, force_field_.kernel_power()), self.col(0));
            for (std::size_t k = 0; k < atoms.size(); ++k) out[atoms[k]] = factors[static_cast<Index>(k)];
        }
    }
    return out;
}

void ForceFieldCalculator::check(const Structure& structure) const { environments_.check(structure); }

std::string ForceFieldCalculator::description() const {
    std::vector<std::string> parts;
    const auto& form = force_field_.production();
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto s = static_cast<std::size_t>(channel);
        parts.push_back(fmt::format("{} {}",
                                    form ? form->expansions[s].n_components() : force_field_.references(channel).size(),
                                    element_symbol(force_field_.species()[s])));
    }
    return fmt::format("machine-learned force field, {} {}, trained on {}",
                       form ? "production form, components" : "local references", fmt::join(parts, ", "),
                       force_field_.provenance().reference);
}

}  // namespace mlff
