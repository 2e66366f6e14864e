#include "libmlff/model/local_model.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "bayes/kernel.hpp"
#include "bayes/thread_failure.hpp"
#include "libmlff/model/shortest_distances.hpp"

namespace mlff {
namespace {

using Eigen::Index;

using RowMajor3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;

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

std::vector<bayes::SpillingFactor> spilling_of(const ForceField& force_field) {
    std::vector<bayes::SpillingFactor> factors;
    for (const LocalReferences& set : force_field.references())
        factors.emplace_back(
            bayes::factor_kernel(bayes::kernel_matrix(set.in_metric(set.features), force_field.kernel_power())));
    return factors;
}

}  // namespace

SpillingModel::SpillingModel(const ForceField& force_field) : factors_(spilling_of(force_field)) {}

Eigen::VectorXd SpillingModel::factors(const LocalReferences& references, int channel, int kernel_power,
                                       const Eigen::Ref<const Eigen::MatrixXd>& features) const {
    Eigen::MatrixXd self = references.in_metric(features).colwise().squaredNorm().transpose();
    bayes::kernel_value(self, kernel_power);
    return factors_[static_cast<std::size_t>(channel)](
        bayes::kernel_matrix(references.multipliers(), features, kernel_power), self.col(0));
}

/// Of one batch, in the precision of its products.
template <class Real>
struct LocalModel::Products {
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

/// Atoms of one species that are worked on together.
struct LocalModel::Batch {
    int channel;
    std::span<const Index> atoms;
    double* energies;  ///< of these atoms [eV]
};

/// What the threads of one evaluation share.
struct LocalModel::Job {
    const NeighborSource& source;
    const LocalOutput& output;
    const SpillingModel* spilling;
    std::vector<Batch> batches;
};

struct LocalModel::Workspace::Thread {
    Products<double> in_double;
    Products<float> in_single;
    std::vector<LocalPairs> pairs{static_cast<std::size_t>(batch_size)};
    std::vector<descriptors::Environment> environments;  ///< of one batch, views of its pairs
    std::vector<char> repelled;                          ///< of one batch: closer than in the training data
    std::vector<double> own_forces, own_virials;         ///< with several threads, added up in the end
    double* forces = nullptr;                            ///< 3 n_atoms
    double* virials = nullptr;                           ///< 9 n_atoms; null: not wanted
    Matrix3 strain = Matrix3::Zero();
    std::optional<ClosePair> closest;
    bool too_close = false;
};

LocalModel::Workspace::Workspace() = default;
LocalModel::Workspace::Workspace(Workspace&&) noexcept = default;
LocalModel::Workspace& LocalModel::Workspace::operator=(Workspace&&) noexcept = default;
LocalModel::Workspace::~Workspace() = default;

LocalModel::LocalModel(ForceField force_field)
    : force_field_(std::move(force_field)), inverse_distances_(force_field_.shortest_distances().cwiseInverse()) {
    if (force_field_.repulsion() == Repulsion::zbl)
        repulsion_.emplace(force_field_.species(), force_field_.shortest_distances());
    if (const auto& form = force_field_.production(); form && form->single_precision)
        for (const auto& expansion : form->expansions) in_single_.push_back(expansion.cast<float>());
}

void LocalModel::evaluate_batch(const Job& job, const Batch& batch, Workspace::Thread& thread) const {
    const auto s = static_cast<std::size_t>(batch.channel);
    const LocalReferences& set = force_field_.references(batch.channel);
    if (!in_single_.empty())
        evaluate_batch(job, batch, in_single_[s], thread.in_single, thread);
    else if (const auto& form = force_field_.production())
        evaluate_batch(job, batch, form->expansions[s], thread.in_double, thread);
    else
        evaluate_batch(job, batch,
                       Kernel{set.multipliers(), force_field_.posterior().weights().segment(
                                                     force_field_.first(batch.channel), set.size())},
                       thread.in_double, thread);
}

template <class Real, class Model>
void LocalModel::evaluate_batch(const Job& job, const Batch& batch, const Model& model, Products<Real>& products,
                                Workspace::Thread& thread) const {
    const auto& descriptor = force_field_.descriptor();
    const auto atoms = batch.atoms;
    const auto n = static_cast<Index>(atoms.size());
    auto& [features, centred, projected, similarity, gradient, energies, all_slopes, work, coefficients] = products;
    thread.environments.clear();
    thread.repelled.assign(atoms.size(), 0);
    for (Index k = 0; k < n; ++k) {
        const auto place = static_cast<std::size_t>(k);
        thread.environments.push_back(job.source.environment(atoms[place], thread.pairs[place]));
        thread.too_close |= thread.pairs[place].too_close;
        const bool closer =
            look_for_close_pair(force_field_.shortest_distances(), inverse_distances_, atoms[place], batch.channel,
                                thread.environments.back(), thread.pairs[place].neighbor, thread.closest);
        thread.repelled[place] = closer && repulsion_;
    }
    describe(thread.environments, products);
    if (job.spilling != nullptr || !job.output.described.empty()) {
        // Both lead to small differences of large numbers.
        if constexpr (!std::is_same_v<Real, double>) describe(thread.environments, thread.in_double);
        hand_over(job, batch, thread.in_double);
    }
    energies.resize(n);
    products.evaluate(model, force_field_.kernel_power());
    Matrix3 strain = Matrix3::Zero();
    for (Index k = 0; k < n; ++k) {
        const auto place = static_cast<std::size_t>(k);
        const descriptors::Environment& environment = thread.environments[place];
        const auto atom = static_cast<std::size_t>(atoms[place]);
        batch.energies[place] = force_field_.e0()[batch.channel] + energies[k];
        if (all_slopes.cols() < environment.size()) all_slopes.resize(3, 2 * environment.size());
        auto slopes = all_slopes.leftCols(environment.size());
        work.swap(coefficients[place]);
        descriptor.adjoint(environment, work, features.col(k), gradient.col(k), slopes);
        work.swap(coefficients[place]);
        if (thread.repelled[place] != 0) batch.energies[place] += repulsion_->add(batch.channel, environment, slopes);
        Vector3 total = Vector3::Zero();
        for (Index p = 0; p < environment.size(); ++p) {
            const Vector3 g = slopes.col(p).template cast<double>();
            const auto j = static_cast<std::size_t>(thread.pairs[place].neighbor[static_cast<std::size_t>(p)]);
            total += g;
            Eigen::Map<Vector3>(thread.forces + 3 * j) -= g;
            const Matrix3 along = environment.vectors.col(p) * g.transpose();
            strain += along;
            if (thread.virials != nullptr) Eigen::Map<RowMajor3>(thread.virials + 9 * j) -= along;
        }
        Eigen::Map<Vector3>(thread.forces + 3 * atom) += total;
    }
    thread.strain += strain;
}

template <class Real>
void LocalModel::describe(const std::vector<descriptors::Environment>& environments, Products<Real>& products) const {
    const auto& descriptor = force_field_.descriptor();
    products.features.resize(descriptor.size(), static_cast<Index>(environments.size()));
    for (std::size_t k = 0; k < environments.size(); ++k) {
        descriptor.value(environments[k], products.work, products.features.col(static_cast<Index>(k)));
        products.work.swap(products.coefficients[k]);
    }
}

void LocalModel::hand_over(const Job& job, const Batch& batch, const Products<double>& products) const {
    if (job.spilling != nullptr) {
        const Eigen::VectorXd factors = job.spilling->factors(force_field_.references(batch.channel), batch.channel,
                                                              force_field_.kernel_power(), products.features);
        for (std::size_t k = 0; k < batch.atoms.size(); ++k)
            job.output.spilling[static_cast<std::size_t>(batch.atoms[k])] = factors[static_cast<Index>(k)];
    }
    if (!job.output.described.empty())
        for (std::size_t k = 0; k < batch.atoms.size(); ++k)
            job.output.described[static_cast<std::size_t>(batch.atoms[k])] = {
                products.coefficients[k], products.features.col(static_cast<Index>(k))};
}

LocalSums LocalModel::evaluate(const NeighborSource& source, const LocalOutput& output, Workspace& workspace,
                               int n_threads, const SpillingModel* spilling) const {
    const auto n_atoms = static_cast<std::size_t>(source.n_atoms());
    const auto require = [&](const auto& array, std::size_t size, const char* name) {
        if (array.size() != size && !array.empty())
            throw std::invalid_argument(
                fmt::format("{}: {} numbers for {} atoms, {} are needed", name, array.size(), n_atoms, size));
    };
    require(output.forces, 3 * n_atoms, "forces");
    require(output.atom_energies, n_atoms, "atom energies");
    require(output.virials, 9 * n_atoms, "virials");
    require(output.spilling, n_atoms, "spilling factors");
    require(output.described, n_atoms, "descriptors");
    if (output.forces.empty() && n_atoms > 0) throw std::invalid_argument("forces: an array is needed");
    if (output.spilling.empty() != (spilling == nullptr))
        throw std::invalid_argument("spilling factors need an array and a model of them");
    if (n_threads < 1) throw std::invalid_argument(fmt::format("{} threads; at least 1 is needed", n_threads));

    Job job{source, output, spilling, {}};
    Index n_centres = 0;
    for (int channel = 0; channel < force_field_.n_channels(); ++channel)
        n_centres += static_cast<Index>(source.atoms(channel).size());
    workspace.energies_.resize(static_cast<std::size_t>(n_centres));
    double* energies = workspace.energies_.data();
    for (int channel = 0; channel < force_field_.n_channels(); ++channel) {
        const auto atoms = source.atoms(channel);
        for (std::size_t begin = 0; begin < atoms.size(); begin += batch_size) {
            const auto part = atoms.subspan(begin, std::min<std::size_t>(batch_size, atoms.size() - begin));
            job.batches.push_back({channel, part, energies});
            energies += part.size();
        }
    }
    const auto wanted = static_cast<std::size_t>(n_threads);
    while (workspace.threads_.size() < wanted) workspace.threads_.push_back(std::make_unique<Workspace::Thread>());
    const bool alone = n_threads == 1;
    for (std::size_t t = 0; t < wanted; ++t) {
        Workspace::Thread& thread = *workspace.threads_[t];
        thread.strain.setZero();
        thread.closest.reset();
        thread.too_close = false;
        if (!alone) {  // before the threads start: what cannot be had is said here
            thread.own_forces.resize(output.forces.size());
            thread.own_virials.resize(output.virials.size());
        }
        thread.forces = alone ? output.forces.data() : thread.own_forces.data();
        thread.virials = output.virials.empty() ? nullptr : alone ? output.virials.data() : thread.own_virials.data();
    }

    ThreadFailure failure;
    int n_team = 1;
    const auto sum_up = [&](std::span<double> total, std::vector<double> Workspace::Thread::*own, int t) {
        // A slice of the atoms for each thread; sums in the order of the threads: same thread count, same bits.
        const auto slice = [&](int k) {
            return total.size() * static_cast<std::size_t>(k) / static_cast<std::size_t>(n_team);
        };
        for (int other = 0; other < n_team; ++other) {
            const double* const part = ((*workspace.threads_[static_cast<std::size_t>(other)]).*own).data();
            for (std::size_t k = slice(t); k < slice(t + 1); ++k) total[k] += part[k];
        }
    };
#pragma omp parallel num_threads(n_threads)
    {
        // Products of a thread stay in it, whatever the BLAS would do in a team of one. It is the thread's own setting.
        omp_set_num_threads(1);
#pragma omp single
        n_team = omp_get_num_threads();
        const int t = omp_get_thread_num();
        Workspace::Thread& thread = *workspace.threads_[static_cast<std::size_t>(t)];
        if (!alone) {
            std::fill(thread.own_forces.begin(), thread.own_forces.end(), 0.0);
            std::fill(thread.own_virials.begin(), thread.own_virials.end(), 0.0);
        }
#pragma omp for schedule(static)
        for (std::size_t b = 0; b < job.batches.size(); ++b)
            failure.collect([&] { evaluate_batch(job, job.batches[b], thread); });
        if (!alone) {
            sum_up(output.forces, &Workspace::Thread::own_forces, t);
            sum_up(output.virials, &Workspace::Thread::own_virials, t);
        }
    }

    failure.rethrow();

    LocalSums sums;
    for (int t = 0; t < n_team; ++t) {
        const Workspace::Thread& thread = *workspace.threads_[static_cast<std::size_t>(t)];
        sums.strain += thread.strain;
        sums.too_close |= thread.too_close;
        if (thread.closest) keep_closer(sums.closest, *thread.closest);
    }
    for (const Batch& batch : job.batches)
        for (std::size_t k = 0; k < batch.atoms.size(); ++k) {
            sums.energy += batch.energies[k];
            if (!output.atom_energies.empty())
                output.atom_energies[static_cast<std::size_t>(batch.atoms[k])] += batch.energies[k];
        }
    return sums;
}

}  // namespace mlff
