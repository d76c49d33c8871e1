//! Which panels stand side by side.

use std::ops::Range;

/// Panels of one shot in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub shot: usize,
    /// Of the board's panels.
    pub panels: Range<usize>,
    /// The first column.
    pub column: usize,
    /// Whether the shot began in a row before.
    pub continued: bool,
}

/// Puts shots into rows of `columns`: one beside the other where they find room, on a new row where they do not, on
/// several where one is not enough.
pub(crate) fn rows(shots: impl IntoIterator<Item = Range<usize>>, columns: usize) -> Vec<Vec<Span>> {
    let columns = columns.max(1);
    let mut rows: Vec<Vec<Span>> = Vec::new();
    let mut used = columns;
    for (shot, panels) in shots.into_iter().enumerate() {
        let mut from = panels.start;
        while from < panels.end {
            let count = (panels.end - from).min(columns);
            if used + count > columns {
                rows.push(Vec::new());
                used = 0;
            }
            let span = Span { shot, panels: from..from + count, column: used, continued: from > panels.start };
            rows.last_mut().into_iter().for_each(|row| row.push(span.clone()));
            used += count;
            from += count;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(shots: &[usize]) -> Vec<Range<usize>> {
        let ends = shots.iter().scan(0, |end, count| {
            *end += count;
            Some(*end - count..*end)
        });
        ends.collect()
    }

    #[test]
    fn shots_stay_together_where_they_can() {
        let rows: Vec<Vec<(usize, usize, bool)>> = rows(counts(&[3, 1, 2, 3, 6, 2]), 4)
            .iter()
            .map(|row| row.iter().map(|span| (span.shot, span.panels.len(), span.continued)).collect())
            .collect();
        assert_eq!(
            rows,
            [
                vec![(0, 3, false), (1, 1, false)],
                vec![(2, 2, false)],
                vec![(3, 3, false)],
                vec![(4, 4, false)],
                vec![(4, 2, true), (5, 2, false)],
            ]
        );
    }

    proptest! {
        #[test]
        fn every_panel_has_its_place(shots in prop::collection::vec(1usize..9, 1..40), columns in 1usize..8) {
            let rows = rows(counts(&shots), columns);
            let spans = || rows.iter().flatten();
            let order: Vec<usize> = spans().flat_map(|span| span.panels.clone()).collect();
            prop_assert_eq!(order, (0..shots.iter().sum()).collect::<Vec<usize>>());
            for row in &rows {
                let end = row.iter().try_fold(0, |end, span| (span.column == end).then_some(end + span.panels.len()));
                prop_assert!(end.is_some_and(|end| (1..=columns).contains(&end)), "{row:?}");
            }
        }
    }
}
