#include "trace/report/page.hpp"

#include "payload_support.hpp"

#include <doctest/doctest.h>

using namespace fl::trace::report;
using namespace fl::trace::test;

namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

}  // namespace

TEST_CASE("text for HTML can open no tag and end no attribute") {
    CHECK(html_escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
    CHECK(html_escaped("x\xff\xc3y") == "x\xef\xbf\xbd\xef\xbf\xbdy");
    CHECK(html_escaped("a\nb\x01\x7f") == "a b  ");
    CHECK(html_escaped("\xc3\xa9\xe2\x82\xac") == "\xc3\xa9\xe2\x82\xac");
}

TEST_CASE("the page is whole, and nothing in it asks for anything else") {
    const std::string plain = page("hello", Payload().pack());
    CHECK(plain.starts_with("<!DOCTYPE html>"));
    CHECK(plain.ends_with("</html>\n"));
    CHECK(plain.find("<title>hello</title>") != std::string::npos);
    for (const char* mark : {"{{title", "{{payload", "{{include"}) CHECK(plain.find(mark) == std::string::npos);
    CHECK(plain.find("default-src 'none'") != std::string::npos);
    CHECK(plain.find("sourceMappingURL") == std::string::npos);
    for (const char* part : {" src=\"", "@import", "url(http", "<link rel=\"stylesheet\""}) {
        CHECK_MESSAGE(plain.find(part) == std::string::npos, part);
    }
    CHECK(plain.find("Dygraph") != std::string::npos);
}

TEST_CASE("neither title nor payload can break out of their places") {
    Payload payload;
    const std::string evil = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>{{payload}}\xff";
    payload.add_text("title", evil);
    payload.string_index(evil);
    const std::string evil_page = page(evil, payload.pack());
    const std::string plain_page = page("x", Payload().pack());
    CHECK(evil_page.find("alert(1)") != std::string::npos);
    for (const char* part : {"<script", "</script", "<img", "</title"}) {
        CHECK_MESSAGE(count_of(evil_page, part) == count_of(plain_page, part), part);
    }
    const ReadPayload read(payload_of(evil_page));
    CHECK(read.head()["strings"][1] == evil.substr(0, evil.size() - 1) + "\xef\xbf\xbd");
}
