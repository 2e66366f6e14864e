#pragma once

#include "descriptors/descriptor.hpp"
#include "libmlff/atoms/message.hpp"

namespace mlff {

/// Options of a descriptor in a message between ranks.
inline Message& operator<<(Message& message, const descriptors::DescriptorOptions& options) {
    for (const auto& basis : {options.radial, options.angular})
        message << basis.cutoff << basis.width << basis.functions << basis.l_max << basis.filter << basis.decay;
    return message << options.radial_weight << options.softening << options.normalization << options.compression
                   << options.components;
}
inline Message& operator>>(Message& message, descriptors::DescriptorOptions& options) {
    for (auto* basis : {&options.radial, &options.angular})
        message >> basis->cutoff >> basis->width >> basis->functions >> basis->l_max >> basis->filter >> basis->decay;
    return message >> options.radial_weight >> options.softening >> options.normalization >> options.compression >>
           options.components;
}

}  // namespace mlff
