/**
 * The life of a flow that another node told an active one of, in seconds: it may have ended here. Longer than keep-alives of most
 * applications, shorter than the days of an established TCP flow; its next packet makes it full.
 */
export const PROVISIONAL_SECONDS = 300;
