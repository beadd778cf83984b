//! A graph as a picture. `layout` says where everything goes; it is painted here.

use std::fmt::Write;

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

use crate::domain::graph::topological;
use crate::domain::table::Entry;

use super::formats::colour;
use super::picture::Picture;
use crate::report::text::width;

/// More issues are not laid out: the time it takes grows with their square.
pub const MOST: usize = 1000;

/// So many characters of a title are shown.
const TITLE: usize = 32;
/// Colours of groups, one after the other.
const GROUPS: [&str; 8] = ["#c0392b", "#2471a3", "#1e8449", "#b9770e", "#7d3c98", "#117a65", "#a04000", "#5d6d7e"];
const MARGIN: f64 = 20.0;
/// The width of a letter of the title, and the height of a line of the legend.
const LETTER: f64 = 7.2;
const LINE: f64 = 18.0;

/// Draws a graph of at most [`MOST`] issues.
pub fn svg(picture: &Picture<'_>) -> String {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let handles: Vec<_> = (0..picture.issues.len())
        .map(|at| {
            let widest = lines(picture.issues[at]).iter().map(|line| width(line)).max().unwrap_or(1);
            let size = Point::new(widest as f64 * LETTER + 24.0, 48.0);
            let (shape, look) = (ShapeKind::new_box(""), StyleAttr::simple());
            graph.add_node(Element::create_with_properties(shape, look, Orientation::LeftToRight, size, at.to_string()))
        })
        .collect();
    // It would look for circles after every step, which takes longer than all the rest.
    graph.dag.set_validate(false);
    for (from, to) in forward(picture) {
        graph.add_edge(Arrow::simple(""), handles[from], handles[to]);
    }
    let mut places = Places::default();
    if !handles.is_empty() {
        graph.do_it(false, false, false, &mut places);
    }
    paint(picture, &places)
}

/// The edges, in an order in which those out of an issue come after those into it.
///
/// The library looks from the end of each edge along those it was given before, whether it closes a circle, and follows
/// every single way: in this order there is none yet.
fn forward(picture: &Picture<'_>) -> Vec<(usize, usize)> {
    let mut edges = picture.edges.clone();
    if let Some(order) = topological(picture.issues.len(), &edges) {
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, number)| places[*number] = place);
        edges.sort_by_key(|(from, _)| places[*from]);
    }
    edges
}

/// What is written in a box.
fn lines(issue: Entry<'_>) -> [String; 2] {
    let title = issue.title();
    let short: String = title.chars().take(TITLE).collect();
    let title = if title.chars().count() > TITLE { format!("{}…", short.trim_end()) } else { short };
    let state = if issue.is_blocked() { format!("{}, blocked", issue.state()) } else { issue.state().to_string() };
    [title, state]
}

/// Where everything goes.
#[derive(Default)]
struct Places {
    /// Boxes: the issue, the upper left corner, the size.
    boxes: Vec<(usize, Point, Point)>,
    /// Arrows: points with the ends of their handles.
    arrows: Vec<Vec<(Point, Point)>>,
}

impl RenderBackend for Places {
    fn draw_rect(&mut self, xy: Point, size: Point, _: &StyleAttr, issue: Option<String>, _: Option<ClipHandle>) {
        if let Some(issue) = issue.and_then(|issue| issue.parse().ok()) {
            self.boxes.push((issue, xy, size));
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        self.arrows.push(path.to_vec());
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}
    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn paint(picture: &Picture<'_>, places: &Places) -> String {
    let right = places.boxes.iter().map(|(_, xy, size)| xy.x + size.x).fold(0.0, f64::max);
    let bottom = places.boxes.iter().map(|(_, xy, size)| xy.y + size.y).fold(0.0, f64::max);
    let legend = picture.groups.len() as f64 * LINE;
    let (width, height) = ((right + MARGIN).max(200.0).ceil(), (bottom + MARGIN + legend).ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <defs><marker id=\"end\" markerWidth=\"9\" markerHeight=\"7\" refX=\"8\" refY=\"3.5\" orient=\"auto\">\
         <polygon points=\"0 0, 9 3.5, 0 7\" fill=\"#555\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for path in &places.arrows {
        arrow(&mut out, path);
    }
    for (issue, xy, size) in &places.boxes {
        node(&mut out, picture, *issue, (*xy, *size));
    }
    for (number, label) in picture.groups.keys().enumerate() {
        let y = bottom + MARGIN + number as f64 * LINE;
        let stroke = GROUPS[number % GROUPS.len()];
        let _ = writeln!(
            out,
            "<rect x=\"{MARGIN}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"3\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"3\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            y - 6.0,
            MARGIN + 20.0,
            y + 5.0,
            escaped(label)
        );
    }
    out + "</svg>\n"
}

fn arrow(out: &mut String, path: &[(Point, Point)]) {
    let [first, second, rest @ ..] = path else { return };
    let mut way = format!(
        "M {:.1} {:.1} C {:.1} {:.1}, {:.1} {:.1}, {:.1} {:.1}",
        first.0.x, first.0.y, first.1.x, first.1.y, second.0.x, second.0.y, second.1.x, second.1.y
    );
    for (handle, point) in rest {
        let _ = write!(way, " S {:.1} {:.1}, {:.1} {:.1}", handle.x, handle.y, point.x, point.y);
    }
    let _ = writeln!(out, "<path d=\"{way}\" fill=\"none\" stroke=\"#555\" marker-end=\"url(#end)\"/>");
}

fn node(out: &mut String, picture: &Picture<'_>, number: usize, (xy, size): (Point, Point)) {
    let issue = picture.issues[number];
    let (stroke, thick) = match picture.group(number) {
        Some(group) => (GROUPS[group % GROUPS.len()], 3),
        None => ("#555", 1),
    };
    let [title, state] = lines(issue).map(|line| escaped(&line));
    let (middle, centre) = (xy.x + size.x / 2.0, xy.y + size.y / 2.0);
    let _ = writeln!(
        out,
        "<g><title>{} {}</title>\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" fill=\"{}\" stroke=\"{stroke}\" stroke-width=\"{thick}\"/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{title}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#444\">{state}</text></g>",
        issue.id(),
        escaped(issue.title()),
        xy.x,
        xy.y,
        size.x,
        size.y,
        colour(issue.state(), issue.is_blocked()),
        centre - 3.0,
        centre + 13.0
    );
}

/// Text as it stands in XML.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}
