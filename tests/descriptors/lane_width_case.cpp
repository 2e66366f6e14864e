// Compiled once for each width of the registers, with the namespace mlff renamed (CMakeLists.txt), so that all of them
// fit in one program.
#include <array>
#include <type_traits>
#include <vector>

#include "descriptors/descriptor.hpp"
#include "support/environments.hpp"

namespace mlff::testing {

namespace {

template <class Real>
void append_case(const descriptors::Descriptor& descriptor, int n_neighbors, std::vector<double>& out) {
    const auto env = random_environment(n_neighbors, 2, 1.8, 6.5, 17);
    descriptors::Descriptor::BasicWorkspace<Real> work;
    Eigen::VectorX<Real> x(descriptor.size());
    descriptor.value(env.view(), work, x);
    const Eigen::VectorX<Real> g = Eigen::VectorX<Real>::LinSpaced(descriptor.size(), -1, 2).array().sin();
    Eigen::Matrix3X<Real> pairs(3, n_neighbors);
    descriptor.adjoint(env.view(), work, x, g, pairs);
    out.insert(out.end(), x.begin(), x.end());
    out.insert(out.end(), pairs.reshaped().begin(), pairs.reshaped().end());
    if constexpr (std::is_same_v<Real, double>) {
        Eigen::MatrixXd J;
        descriptor.three_body()->jacobian(env.view(), work.three, work.c, J);
        out.insert(out.end(), J.reshaped().begin(), J.reshaped().end());
    }
}

}  // namespace

/// Descriptors, their adjoint and (in double) the Jacobian of the three-body part; of functions, m and neighbours there
/// are fewer and more than any width, and as many. In double, then in single precision.
std::array<std::vector<double>, 2> lane_width_case() {
    std::array<std::vector<double>, 2> out;
    for (const auto compression : {descriptors::Compression::none, descriptors::Compression::element})
        for (const int functions : {4, 9}) {
            descriptors::DescriptorOptions options;
            options.radial = {.cutoff = 6.0, .width = 1.0, .functions = functions + 1, .l_max = 0};
            options.angular = {.cutoff = 5.0, .width = 1.0, .functions = functions, .l_max = 4};
            options.compression = compression;
            const descriptors::Descriptor descriptor(options, 2);
            for (const int n_neighbors : {1, 6, 37}) {
                append_case<double>(descriptor, n_neighbors, out[0]);
                append_case<float>(descriptor, n_neighbors, out[1]);
            }
        }
    return out;
}

}  // namespace mlff::testing
