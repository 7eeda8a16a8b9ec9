# SPDX-License-Identifier: BSD-2-Clause
"""Who may include what (docs: ARCHITECTURE, section 8), and no cycles."""
import source

# Headers that a compiler or the C library brings and that contain constants and types only.
FREESTANDING = {'stdint.h', 'stddef.h', 'stdbool.h', 'stdarg.h', 'stdalign.h', 'limits.h',
                'errno.h', 'cpuid.h'}
SENTENCES = {
    'include': 'components include only what they may',
    'cycle': 'no header includes itself, however far around',
}


def component(path):
    """The service folder that a file belongs to, or None."""
    parts = path.split('/')
    if parts[0] not in source.SERVICE_TOPS:
        return None
    return '/'.join(parts[:3 if parts[0] == 'drivers' else 2])


def forbidden(path, name, file):
    """Why `path` may not include `name` (which is `file` of this tree, or None)."""
    if path.startswith(('kernel/', 'abi/')):
        return forbidden_in_kernel(path, name, file)
    if file and file.startswith('kernel/'):
        return 'only the kernel includes kernel headers'
    other = component(file) if file else None
    if other and other != component(path):
        return 'it belongs to another service'
    if path.startswith('lib/') and other:
        return 'a library knows no service'
    return None


def forbidden_in_kernel(path, name, file):
    if file is None:
        return None if name in FREESTANDING else 'not a freestanding header'
    if file.startswith('abi/'):
        return None
    if path.startswith('abi/'):
        return 'abi/ includes only abi/'
    if file.startswith('contract/'):
        return None if file.startswith('contract/kernel') else 'the kernel speaks no protocol'
    if not file.startswith('kernel/'):
        return 'the kernel includes nothing outside itself but abi/'
    if file.startswith('kernel/x86_64/') and path.startswith(('kernel/core/', 'kernel/call/')):
        return 'the machine is reached through kernel/arch.h'
    return None


def find_cycles(graph):
    """Each cycle of includes once, as a list of files."""
    done, cycles = set(), []

    def visit(path, trail):
        if path in trail:
            cycles.append(trail[trail.index(path):] + [path])
            return
        if path in done:
            return
        done.add(path)
        for file in graph.get(path, ()):
            visit(file, trail + [path])
    for path in sorted(graph):
        visit(path, [])
    return cycles


def main():
    lint = source.Lint(*SENTENCES)
    graph = {}
    for path in source.files('.c', '.h', '.S'):
        graph[path] = []
        for line, name, quoted in source.includes(path):
            file = source.resolve(path, name, quoted)
            if file:
                graph[path].append(file)
            why = None if source.is_test(path) else forbidden(path, name, file)
            if why:
                lint.find('include', path, '%s: %s' % (name, why), line)
    for cycle in find_cycles(graph):
        lint.find('cycle', cycle[0], ' -> '.join(cycle))
    lint.finish(SENTENCES)


main()
