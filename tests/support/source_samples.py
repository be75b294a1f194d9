"""Short source files in many languages, and the definitions that a reader sees in them (level, title)."""

from typing import NamedTuple


class Sample(NamedTuple):
    text: str
    outline: list[tuple[int, str]]


OLD_PYTHON = Sample(
    """\
class A:
    def f(self):
        print 'x'
""",
    [(1, "class A"), (2, "def f")],
)
C = Sample(
    """\
struct item *head;
struct item {
  int a;
};
static int find(int a,
                char *b)
{
  if (a) {
    call(a);
  }
}
EXPORT(find);
""",
    [(1, "struct item"), (1, "find()")],
)
CPP = Sample(
    """\
class Foo : public Bar {
  Foo(int x) : x_(x) {}
};
void Foo::stop() {
}
""",
    [(1, "class Foo : public Bar"), (2, "Foo()"), (1, "Foo::stop()")],
)
JAVASCRIPT = Sample(
    """\
export default class Foo {
  run(x) {
    for (const y of z) {
    }
    on('x', function (e) {
    });
  }
}
export const add = (a, b) => a + b;
async function main() {}
""",
    [(1, "class Foo"), (2, "run()"), (1, "add"), (1, "function main")],
)
TYPESCRIPT = Sample(
    """\
interface A<T> {
}
class X {
  public get<T>(x: string): Promise<T> {
  }
}
""",
    [(1, "interface A<T>"), (1, "class X"), (2, "get()")],
)
JAVA = Sample(
    """\
public final class A {
    public List<String> names(int a) throws E {
        return new B() {
        };
    }
    void go()
    {
    }
}
""",
    [(1, "class A"), (2, "names()"), (2, "go()")],
)
C_SHARP = Sample(
    """\
namespace N
{
    class C
    {
        void Run()
        {
            lock (x) {
            }
        }
    }
}
""",
    [(1, "namespace N"), (2, "class C"), (3, "Run()")],
)
GO = Sample(
    """\
type Server struct {
}
func (s *Server) Serve(l int) error {
}
""",
    [(1, "type Server struct"), (1, "func (s *Server) Serve")],
)
RUST = Sample(
    """\
impl<T> Foo for Bar<T> {
    pub fn new() -> Self {
    }
}
""",
    [(1, "impl<T> Foo for Bar<T>"), (2, "fn new")],
)
RUBY = Sample(
    """\
module A
  class B < C
    def self.x(y)
    end
  end
end
""",
    [(1, "module A"), (2, "class B < C"), (3, "def self.x")],
)
PHP = Sample("<?php\nclass A {\n  public function go($x) {\n  }\n}\n", [(1, "class A"), (2, "function go")])
SHELL = Sample("build() {\n  echo\n}\nfunction deploy {\n  :\n}\n", [(1, "build()"), (1, "function deploy")])
SQL = Sample("create table items (\n id int);\nselect 1;\n", [(1, "create table items")])
TOML = Sample("[tool.x]\na = 1\n[[item]]\n", [(1, "tool.x"), (1, "item")])
YAML = Sample("services:\n  web: 1\nvolumes: []\n", [(1, "services"), (1, "volumes")])
MAKEFILE = Sample("X := 1\nall: x\n\ttrue\n", [(1, "all")])

BY_NAME = {
    "old.py": OLD_PYTHON,
    "a.c": C,
    "a.cpp": CPP,
    "a.js": JAVASCRIPT,
    "a.ts": TYPESCRIPT,
    "A.java": JAVA,
    "a.cs": C_SHARP,
    "a.go": GO,
    "a.rs": RUST,
    "a.rb": RUBY,
    "a.php": PHP,
    "a.sh": SHELL,
    "a.sql": SQL,
    "a.toml": TOML,
    "a.yaml": YAML,
    "Makefile": MAKEFILE,
}
