# Puts the report's page together and into a source file:
#   cmake -D PAGE=<folder> -D DYGRAPHS=<folder> -D OUTPUT=<file.cpp> -P ReportPage.cmake
# page.html names what it wants as {{include FILE}}; FILE lies in PAGE, or in DYGRAPHS where it is named dygraph.*.
file(READ "${PAGE}/page.html" page)
string(REGEX MATCHALL "{{include [a-z_.]+}}" marks "${page}")
foreach(mark IN LISTS marks)
  string(REGEX REPLACE "{{include (.*)}}" "\\1" name "${mark}")
  set(folder "${PAGE}")
  if(name MATCHES "^dygraph\\.")
    set(folder "${DYGRAPHS}")
  endif()
  file(READ "${folder}/${name}" text)
  # Nothing may be asked for beside the page itself.
  string(REGEX REPLACE "/[/*]# sourceMappingURL=[^\n]*" "" text "${text}")
  if(text MATCHES "</(script|style)")
    message(FATAL_ERROR "${folder}/${name}: would end the element that it is put into")
  endif()
  string(REPLACE "${mark}" "${text}" page "${page}")
endforeach()
file(WRITE "${OUTPUT}.new" "#include \"trace/report/page_template.hpp\"

namespace fl::trace::report {

const std::string_view page_template = R\"page(${page})page\";

}  // namespace fl::trace::report
")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
