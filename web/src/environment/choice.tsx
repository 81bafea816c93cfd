// A few values next to one another, one of which is chosen.

export function Choice<Value extends string>(props: {
  label: string;
  of: readonly Value[];
  chosen: Value;
  choose: (value: Value) => void;
}) {
  const { label, of, chosen, choose } = props;
  return (
    <fieldset class="choice">
      <legend class="only-heard">{label}</legend>
      {of.map((value) => (
        <button key={value} type="button" aria-pressed={value === chosen} onClick={() => choose(value)}>
          {value}
        </button>
      ))}
    </fieldset>
  );
}
