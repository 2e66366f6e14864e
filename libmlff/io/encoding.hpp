#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mlff {

/// 64-bit FNV-1a: any change of a single byte changes it. Guards records against damage, not against malice.
/// @param before  checksum of the bytes before these, where the whole comes in pieces
[[nodiscard]] std::uint64_t checksum(std::string_view bytes, std::uint64_t before = 0xcbf29ce484222325u);
/// The checksum of all bytes of a file. @throws InputError if it cannot be read
[[nodiscard]] std::uint64_t file_checksum(const std::string& path);

/// Bytes as text of 64 letters (RFC 4648), and back.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// @throws InputError if the text is not base64
[[nodiscard]] std::string from_base64(std::string_view text);

}  // namespace mlff
