#include "trace/text_cell.hpp"

#include "trace/utf8.hpp"

#include <doctest/doctest.h>

using namespace fl::trace;

namespace {

std::string shaped(std::string_view text, CellShape shape) {
    std::string result;
    append_shaped(result, text, shape);
    return result;
}

}  // namespace

TEST_CASE("cells are padded to their width on the right side") {
    CHECK(shaped("ab", {4, Align::left, Cut::back}) == "ab  ");
    CHECK(shaped("ab", {4, Align::right, Cut::never}) == "  ab");
    CHECK(shaped("", {2, Align::left, Cut::back}) == "  ");
    CHECK(shaped("abcd", {4, Align::left, Cut::back}) == "abcd");
    CHECK(shaped("h\xc3\xa9", {4, Align::left, Cut::back}) == "h\xc3\xa9  ");
}

TEST_CASE("a text that is too long is cut, a number is not") {
    CHECK(shaped("abcdef", {4, Align::left, Cut::back}) == "abc~");
    CHECK(shaped("abcdef", {4, Align::left, Cut::front}) == "~def");
    CHECK(shaped("123456", {4, Align::right, Cut::never}) == "123456");
    CHECK(shaped("\xc3\xa9\xc3\xa9\xc3\xa9", {2, Align::left, Cut::back}) == "\xc3\xa9~");
    CHECK(shaped("\xc3\xa9\xc3\xa9\xc3\xa9", {2, Align::left, Cut::front}) == "~\xc3\xa9");
}

TEST_CASE("nothing that moves a cursor stays in a printable text") {
    CHECK(printable("plain [heap] \xc3\xa9") == "plain [heap] \xc3\xa9");
    CHECK(printable("\x1b[2Jx\n\r\t\x7f") == "?[2Jx????");
    CHECK(printable("\xc2\x9b"
                    "31m") == "?31m");  // CSI as one C1 character
    CHECK(printable("a\xe2\x80\x8f"
                    "b") == "a?b");  // right-to-left mark
    CHECK(printable(std::string_view("\0", 1)) == "?");
    CHECK(printable("\xff\xc3") == "??");
}

TEST_CASE("UTF-8 is what the standard says it is") {
    CHECK(first_character("A").code_point == U'A');
    CHECK(first_character("\xc3\xa9x").byte_count == 2);
    CHECK(first_character("\xe2\x82\xac").code_point == U'\u20ac');
    CHECK(first_character("\xf0\x9f\x98\x80").code_point == U'\U0001f600');
    // Too long, surrogates, beyond the end, continuation first, cut short.
    for (const char* bad : {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe2\x82", "\xc3", "\xc3(", "\xe2(\xac"}) {
        CAPTURE(bad);
        CHECK(!first_character(bad).valid);
        CHECK(first_character(bad).byte_count == 1);
    }
}
