#include "analysis/van_hove.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/images.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

constexpr int least_frames = 20;
constexpr double most_bins = 1e5;

/// Of the mean over the columns.
Eigen::ArrayXd squared_error(const Eigen::ArrayXXd& columns) {
    const auto n = static_cast<double>(columns.cols());
    return (columns.colwise() - columns.rowwise().mean()).square().rowwise().sum() / (n * (n - 1.0));
}

}  // namespace

void VanHoveOptions::validate() const {
    if (!(r_max > 0.0 && std::isfinite(r_max)))
        throw InputError(fmt::format("r_max is {}; it must be positive", r_max));
    if (!(width > 0.0 && width <= r_max && r_max / width <= most_bins))
        throw InputError(fmt::format("width is {}; it must be positive, at most r_max = {} and at least r_max/{}",
                                     width, r_max, most_bins));
    if (!(longest > 0.0 && longest < 1.0))
        throw InputError(fmt::format("longest is {}; it must be a fraction of the run between 0 and 1", longest));
    if (times < 1) throw InputError(fmt::format("times is {}; it must be at least 1", times));
    if (origins < 1) throw InputError(fmt::format("origins is {}; it must be at least 1", origins));
    if (max_frames < least_frames)
        throw InputError(fmt::format("max_frames is {}; it must be at least {}", max_frames, least_frames));
}

VanHoveFunctions::VanHoveFunctions(const VanHoveOptions& options)
    : options_(options), history_(static_cast<std::size_t>(options.max_frames)) {
    options_.validate();
}

void VanHoveFunctions::add(const Frame& frame) {
    const Structure& structure = frame.structure;
    const auto& periodic = structure.periodic;
    if (!structure.has_volume() || !(periodic[0] && periodic[1] && periodic[2]))
        throw InputError(frame.origin + ": a van Hove function needs a density, so a cell with three periodic axes");
    if (history_.n_seen() == 0) {
        members_ = members_of(frame, options_.species);
        weights_ = framework_weights(frame, options_.framework);
        if (options_.pairs.empty())
            for (const int z : members_.species) options_.pairs.emplace_back(z, z);
        for (const auto& [a, b] : options_.pairs)
            pair_members_.emplace_back(members_of(frame, {a}).members[0], members_of(frame, {b}).members[0]);
    }
    if (!history_.counts()) return;
    const Vector3 centre = frame.path * weights_;
    history_.keep({frame.time, structure.cell, structure.positions, frame.path.colwise() - centre});
}

VanHoveResult VanHoveFunctions::result() const {
    const std::size_t n_frames = history_.size();
    if (n_frames < static_cast<std::size_t>(least_frames))
        throw InputError(fmt::format("{} frames are too few for a van Hove function; at least {} are needed",
                                     history_.n_seen(), least_frames));
    // Lags in kept frames, each once.
    const double reach = options_.longest * static_cast<double>(n_frames - 1);
    std::vector<std::size_t> lags = {0};
    for (int k = 1; k <= options_.times; ++k) {
        const auto lag = static_cast<std::size_t>(std::lround(reach * k / options_.times));
        if (lag > lags.back()) lags.push_back(lag);
    }
    const double interval = (history_[n_frames - 1].time - history_[0].time) / static_cast<double>(n_frames - 1);
    const std::size_t n_origins = n_frames - lags.back();
    const std::size_t step =
        (n_origins + static_cast<std::size_t>(options_.origins) - 1) / static_cast<std::size_t>(options_.origins);

    const auto n_bins = std::max<Eigen::Index>(1, std::llround(options_.r_max / options_.width));
    const double width = options_.r_max / static_cast<double>(n_bins);
    const auto bin_of = [&](double distance) {
        return std::min(static_cast<Eigen::Index>(distance / width), n_bins - 1);
    };
    const auto n_lags = static_cast<Eigen::Index>(lags.size());
    // Per atom: bins of the first lag, then of the second, … A pair counts for both of its atoms.
    std::vector<Eigen::ArrayXXd> self_counts;
    for (const auto& atoms : members_.members)
        self_counts.emplace_back(Eigen::ArrayXXd::Zero(n_bins * (n_lags - 1), static_cast<Eigen::Index>(atoms.size())));
    std::vector<Eigen::ArrayXXd> counts_a, counts_b;
    for (const auto& [a, b] : pair_members_) {
        counts_a.emplace_back(Eigen::ArrayXXd::Zero(n_bins * n_lags, static_cast<Eigen::Index>(a.size())));
        counts_b.emplace_back(Eigen::ArrayXXd::Zero(n_bins * n_lags, static_cast<Eigen::Index>(b.size())));
    }
    // One per thread; allocated here, as a failed allocation in the region would end the program.
    std::vector<Matrix3X> scratch(static_cast<std::size_t>(omp_get_max_threads()),
                                  Matrix3X(3, history_[0].path.cols()));
    double density_factor = 0.0;
    long n_densities = 0;
    for (std::size_t origin = 0; origin < n_origins; origin += step) {
        const Moment& from = history_[origin];
        const Images images(from.cell, options_.r_max);
        density_factor += 1.0 / std::abs(from.cell.determinant());
        ++n_densities;
#pragma omp parallel for schedule(dynamic)
        for (Eigen::Index l = 0; l < n_lags; ++l) {
            const Moment& to = history_[origin + lags[static_cast<std::size_t>(l)]];
            Matrix3X& moved = scratch[static_cast<std::size_t>(omp_get_thread_num())];
            moved = to.path - from.path;
            for (std::size_t s = 0; s < members_.members.size() && l > 0; ++s) {
                const auto& atoms = members_.members[s];
                for (std::size_t k = 0; k < atoms.size(); ++k) {
                    const double distance = moved.col(atoms[k]).norm();
                    if (distance < options_.r_max)
                        self_counts[s]((l - 1) * n_bins + bin_of(distance), static_cast<Eigen::Index>(k)) += 1.0;
                }
            }
            for (std::size_t p = 0; p < pair_members_.size(); ++p) {
                const auto& [a, b] = pair_members_[p];
                for (std::size_t i = 0; i < a.size(); ++i)
                    for (std::size_t j = 0; j < b.size(); ++j)
                        images.for_each(from.positions.col(b[j]) - from.positions.col(a[i]) + moved.col(b[j]),
                                        [&](const Vector3& vector, const Vector3& shift) {
                                            if (a[i] == b[j] && shift.isZero()) return;
                                            const Eigen::Index row = l * n_bins + bin_of(vector.norm());
                                            counts_a[p](row, static_cast<Eigen::Index>(i)) += 1.0;
                                            counts_b[p](row, static_cast<Eigen::Index>(j)) += 1.0;
                                        });
            }
        }
    }

    const Eigen::ArrayXd edges = Eigen::ArrayXd::LinSpaced(n_bins + 1, 0.0, options_.r_max);
    const Eigen::ArrayXd volumes =
        4.0 / 3.0 * std::numbers::pi * (edges.tail(n_bins).cube() - edges.head(n_bins).cube());
    const auto frame_of = [&](int a, int b, std::size_t first_lag) {
        VanHove out;
        out.a = a;
        out.b = b;
        out.r = 0.5 * (edges.head(n_bins) + edges.tail(n_bins));
        out.time.resize(n_lags - static_cast<Eigen::Index>(first_lag));
        for (std::size_t k = first_lag; k < lags.size(); ++k)
            out.time[static_cast<Eigen::Index>(k - first_lag)] = interval * static_cast<double>(lags[k]);
        return out;
    };
    VanHoveResult result;
    for (std::size_t s = 0; s < members_.members.size(); ++s) {
        const Eigen::ArrayXXd share = self_counts[s] / static_cast<double>(n_densities);
        VanHove out = frame_of(members_.species[s], members_.species[s], 1);
        out.value = share.rowwise().mean().reshaped(n_bins, n_lags - 1).colwise() / volumes;
        if (share.cols() > 1) out.error = squared_error(share).sqrt().reshaped(n_bins, n_lags - 1).colwise() / volumes;
        result.self.push_back(std::move(out));
    }
    for (std::size_t p = 0; p < pair_members_.size(); ++p) {
        const auto [a, b] = options_.pairs[p];
        const Eigen::ArrayXXd of_a = counts_a[p] / static_cast<double>(n_densities),
                              of_b = counts_b[p] / static_cast<double>(n_densities);
        const double b_per_a = static_cast<double>(of_b.cols()) / static_cast<double>(of_a.cols());
        VanHove out = frame_of(a, b, 0);
        out.value = of_a.rowwise().mean().reshaped(n_bins, n_lags).colwise() / volumes;
        if (of_a.cols() > 1 && of_b.cols() > 1) {
            const Eigen::ArrayXd squared =
                a == b ? squared_error(of_a + of_b) : squared_error(of_a) + b_per_a * b_per_a * squared_error(of_b);
            out.error = squared.sqrt().reshaped(n_bins, n_lags).colwise() / volumes;
        }
        out.density =
            static_cast<double>(pair_members_[p].second.size()) * density_factor / static_cast<double>(n_densities);
        result.distinct.push_back(std::move(out));
    }
    return result;
}

}  // namespace mlff::analysis
