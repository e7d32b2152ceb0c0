"""Charts as SVG, drawn by hand."""


class Svg:
    def __init__(self, width, height):
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def text(self, x, y, words, size=12, anchor="start", colour="#202124"):
        words = words.replace("`", "").replace("&", "&amp;")
        self.lines.append(
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
        )

    def bar(self, x, y, width, height, colour):
        self.lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{height}" fill="{colour}"/>')

    def line(self, x1, y1, x2, y2, colour="#dadce0", width=1):
        self.lines.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
        )

    def dot(self, x, y, colour):
        self.lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')

    def save(self, path):
        path.write_text("\n".join([*self.lines, "</svg>", ""]), encoding="utf-8")
