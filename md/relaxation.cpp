#include "md/relaxation.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"

namespace mlff::md {
namespace {

constexpr std::size_t memory = 20;          ///< pairs of steps and changes of the gradient
constexpr double first_stiffness = 50.0;    ///< [eV/Å²] before anything is known
constexpr int most_cuts = 12;               ///< of a step that does not lower the enthalpy
constexpr double enthalpy_rounding = 1e-9;  ///< [eV] per atom

/// A point of the search.
struct Point {
    Eigen::VectorXd coordinates;  ///< ρ, then y
    Structure structure;
    Evaluation evaluation;
    double enthalpy = 0.0;
    Eigen::VectorXd gradient;  ///< of the enthalpy [eV/Å]
    double largest_force = 0.0, largest_stress = 0.0;
};

class Search {
 public:
    Search(Calculator& calculator, const State& state, const RelaxationOptions& options)
        : calculator_(calculator), initial_(state), options_(options), n_positions_(3 * state.size()) {
        if (!options.cell) return;
        cell_.emplace(state.structure, options.fixed, *options.cell);
        scale_ = std::sqrt(0.01 * state.structure.volume());
    }

    [[nodiscard]] Eigen::VectorXd start() const {
        const auto n_strains = static_cast<Eigen::Index>(cell_ ? cell_->basis().size() : 0);
        Eigen::VectorXd out = Eigen::VectorXd::Zero(n_positions_ + n_strains);
        out.head(n_positions_) = initial_.structure.positions.reshaped();
        return out;
    }

    [[nodiscard]] Point at(Eigen::VectorXd coordinates) const {
        Point point;
        point.structure = initial_.structure;
        const Matrix3 deformation = deformation_of(coordinates);
        const Matrix3X reduced = coordinates.head(n_positions_).reshaped(3, initial_.size());
        point.structure.positions = deformation * reduced;
        if (cell_) cell_->apply(deformation, point.structure.cell);
        point.coordinates = std::move(coordinates);
        point.evaluation = calculator_.evaluate(point.structure);
        const Evaluation& answer = point.evaluation;
        if (!std::isfinite(answer.energy) || !answer.forces.allFinite())
            throw std::runtime_error("the energy or a force is not a finite number");
        point.enthalpy = answer.energy;
        point.gradient.resize(point.coordinates.size());
        Matrix3X forces = answer.forces;
        hold_fixed(initial_, forces);
        point.largest_force = forces.colwise().norm().maxCoeff();
        Matrix3X pulled = -deformation.transpose() * answer.forces;
        hold_fixed(initial_, pulled);
        point.gradient.head(n_positions_) = pulled.reshaped();
        if (cell_) add_cell(point, deformation);
        return point;
    }

    /// The largest displacement that a change of the coordinates means [Å].
    [[nodiscard]] double length_of(const Eigen::VectorXd& change) const {
        double length = change.head(n_positions_).reshaped(3, initial_.size()).colwise().norm().maxCoeff();
        if (!cell_) return length;
        const Matrix3 strain = deformation_of(change) - Matrix3::Identity();
        return std::max(length, (strain * initial_.structure.cell).colwise().norm().maxCoeff());
    }

    [[nodiscard]] bool converged(const Point& point) const {
        return point.largest_force <= options_.force && point.largest_stress <= options_.stress;
    }

 private:
    [[nodiscard]] Matrix3 deformation_of(const Eigen::VectorXd& coordinates) const {
        Matrix3 deformation = Matrix3::Identity();
        if (cell_)
            for (std::size_t k = 0; k < cell_->basis().size(); ++k)
                deformation += coordinates[n_positions_ + static_cast<Eigen::Index>(k)] / scale_ * cell_->basis()[k];
        return deformation;
    }

    void add_cell(Point& point, const Matrix3& deformation) const {
        if (!point.evaluation.stress)
            throw InputError(
                fmt::format("a cell is to be relaxed, and there is no stress from the {}", calculator_.description()));
        const Matrix3& cell = point.structure.cell;
        const double volume = point.structure.volume();
        point.enthalpy += cell_->work(cell, options_.pressure) - cell_->work(cell_->initial_cell(), options_.pressure);
        const Matrix3 slope =
            volume * from_voigt(*point.evaluation.stress) + cell_->work_gradient(cell, options_.pressure);
        const Matrix3 gradient = slope * deformation.inverse().transpose();
        Matrix3 left = Matrix3::Zero();  // what may change of it
        for (std::size_t k = 0; k < cell_->basis().size(); ++k) {
            const Matrix3& strain = cell_->basis()[k];
            point.gradient[n_positions_ + static_cast<Eigen::Index>(k)] = strain.cwiseProduct(gradient).sum() / scale_;
            left += strain.cwiseProduct(slope).sum() / volume * strain;
        }
        point.largest_stress = left.cwiseAbs().maxCoeff() * units::ev_per_cubic_angstrom_in_gpa;
    }

    Calculator& calculator_;
    const State initial_;
    const RelaxationOptions& options_;
    Eigen::Index n_positions_;
    std::optional<CellStrain> cell_;
    double scale_ = 1.0;  ///< s [Å]
};

/// Inverse Hessian from the last steps.
class Memory {
 public:
    void add(const Eigen::VectorXd& step, const Eigen::VectorXd& change) {
        const double product = step.dot(change);
        if (!(product > 1e-12 * step.norm() * change.norm())) return;  // not convex here
        pairs_.push_back({step, change, 1.0 / product});
        if (pairs_.size() > memory) pairs_.pop_front();
    }
    void clear() { pairs_.clear(); }
    [[nodiscard]] bool empty() const { return pairs_.empty(); }

    [[nodiscard]] Eigen::VectorXd downhill(const Eigen::VectorXd& gradient) const {
        Eigen::VectorXd q = -gradient;
        std::vector<double> alpha(pairs_.size());
        for (std::size_t k = pairs_.size(); k-- > 0;) {
            alpha[k] = pairs_[k].weight * pairs_[k].step.dot(q);
            q -= alpha[k] * pairs_[k].change;
        }
        q *= pairs_.empty() ? 1.0 / first_stiffness : 1.0 / (pairs_.back().weight * pairs_.back().change.squaredNorm());
        for (std::size_t k = 0; k < pairs_.size(); ++k)
            q += (alpha[k] - pairs_[k].weight * pairs_[k].change.dot(q)) * pairs_[k].step;
        return q;
    }

 private:
    struct Pair {
        Eigen::VectorXd step, change;
        double weight;  ///< 1/(step · change)
    };
    std::deque<Pair> pairs_;
};

}  // namespace

void RelaxationOptions::validate() const {
    const auto require = [](bool right, const char* name, double value, const char* bound) {
        if (!right) throw InputError(fmt::format("{} is {}; it must be {}", name, value, bound));
    };
    require(force > 0.0, "force", force, "positive");
    require(stress > 0.0, "stress", stress, "positive");
    require(steps >= 1, "steps", static_cast<double>(steps), "at least 1");
    require(max_step > 0.0 && max_step <= 1.0, "max_step", max_step, "above 0 and at most 1 Å");
    for (const double value : pressure)
        require(std::abs(value) <= 1e4, "pressure", value, "within ±10000 GPa (1 GPa = 10 kbar)");
}

bool relax(Calculator& calculator, State& state, const RelaxationOptions& options,
           const std::function<bool(const RelaxationReport&)>& observer) {
    options.validate();
    state.validate();
    const Search search(calculator, state, options);
    Memory known;
    Point now = search.at(search.start());
    const auto report = [&](std::int64_t step) {
        state.structure = now.structure;
        return observer({.step = step,
                         .enthalpy = now.enthalpy,
                         .largest_force = now.largest_force,
                         .largest_stress = now.largest_stress,
                         .converged = search.converged(now),
                         .evaluation = now.evaluation,
                         .structure = now.structure});
    };
    if (!report(0)) return search.converged(now);
    for (std::int64_t step = 1; step <= options.steps && !search.converged(now); ++step) {
        Eigen::VectorXd change = known.downhill(now.gradient);
        if (!(change.dot(now.gradient) < 0.0)) {
            known.clear();
            change = known.downhill(now.gradient);
        }
        if (const double length = search.length_of(change); length > options.max_step)
            change *= options.max_step / length;
        const double tolerance = enthalpy_rounding * static_cast<double>(state.size());
        Point next = search.at(now.coordinates + change);
        for (int cuts = 0; !(next.enthalpy <= now.enthalpy + tolerance); ++cuts) {
            if (cuts == most_cuts)
                throw std::runtime_error(fmt::format(
                    "step {}: no step along the forces lowers the energy; forces and energies do not belong together "
                    "to better than {:.2g} eV/Å (noise of the reference, or a wrong unit)",
                    step, now.largest_force));
            if (!known.empty()) {
                known.clear();
                change = known.downhill(now.gradient);
                if (const double length = search.length_of(change); length > options.max_step)
                    change *= options.max_step / length;
            } else {
                change *= 0.25;
            }
            next = search.at(now.coordinates + change);
        }
        known.add(change, next.gradient - now.gradient);
        now = std::move(next);
        if (!report(step)) break;
    }
    return search.converged(now);
}

}  // namespace mlff::md
