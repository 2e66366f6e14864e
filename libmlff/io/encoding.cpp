#include "libmlff/io/encoding.hpp"

#include <array>
#include <fstream>
#include <vector>

#include "libmlff/atoms/errors.hpp"

namespace mlff {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::uint64_t checksum(std::string_view bytes, std::uint64_t before) {
    for (const char byte : bytes) before = (before ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    return before;
}

std::uint64_t file_checksum(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<char> piece(1 << 16);
    std::uint64_t sum = checksum({});
    while (in) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        sum = checksum({piece.data(), static_cast<std::size_t>(in.gcount())}, sum);
    }
    if (!in.eof()) throw InputError(path + ": cannot be read; check that it exists, and its permissions");
    return sum;
}

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t triple = 0;
        for (std::size_t k = 0; k < 3; ++k)
            triple = triple << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? letters[triple >> (18 - 6 * k) & 63u] : '=';
    }
    return text;
}

std::string from_base64(std::string_view text) {
    static constexpr auto values = [] {
        std::array<int, 256> all{};
        all.fill(-1);
        for (std::size_t k = 0; k < letters.size(); ++k)
            all[static_cast<unsigned char>(letters[k])] = static_cast<int>(k);
        return all;
    }();
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 3);
    std::uint32_t bits = 0;
    int n_bits = 0;
    for (const char letter : text) {
        if (letter == '=') break;
        const int value = values[static_cast<unsigned char>(letter)];
        if (value < 0) throw InputError("stored bytes are damaged: not base64");
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (n_bits += 6; n_bits >= 8) {
            n_bits -= 8;
            bytes += static_cast<char>(bits >> n_bits & 255u);
        }
    }
    return bytes;
}

}  // namespace mlff
